//! Flags that are made from what the datasets declare.
//!
//! No dataset is known here by name: each parameter of each [`DatasetInfo`] becomes a flag under
//! a heading of its dataset. A name that two datasets declare is one flag.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use lakeseed_gen_core::dataset::{Parameter, ParameterKind, SWITCH};
use lakeseed_gen_core::{DatasetInfo, datasets};

/// The parameters that were given, as text, in the order in which they are declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parameters(pub(crate) Vec<Given>);

/// One parameter that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    /// Set for a whole shell by a variable: concerns only the datasets that declare it.
    pub(crate) by_environment: bool,
    /// Whether its value follows an equals sign.
    pub(crate) is_switch: bool,
}

impl Given {
    /// As a command line has it.
    pub(crate) fn flag(&self) -> String {
        let between = if self.is_switch { '=' } else { ' ' };
        format!("--{}{between}{}", self.name, self.value)
    }
}

/// Each parameter name once, with the first dataset that declares it.
fn declared() -> Vec<(&'static DatasetInfo, &'static Parameter)> {
    let mut all: Vec<(&DatasetInfo, &Parameter)> = Vec::new();
    for info in datasets() {
        for parameter in info.parameters {
            if !all.iter().any(|(_, known)| known.name == parameter.name) {
                all.push((info, parameter));
            }
        }
    }
    all
}

fn flag(info: &DatasetInfo, parameter: &Parameter) -> Arg {
    let help = format!(
        "{} ({}; default {})",
        parameter.about, parameter.kind, parameter.default
    );
    let arg = Arg::new(parameter.name)
        .long(parameter.name)
        .help(help)
        .help_heading(format!("Parameters of {}", info.name));
    match parameter.kind {
        // `--dirt` or `--dirt=off`: a word behind it is another argument's.
        ParameterKind::Switch => arg
            .value_name("on|off")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value(SWITCH[1]),
        _ => arg.value_name("VALUE").allow_negative_numbers(true),
    }
}

impl Args for Parameters {
    fn augment_args(command: Command) -> Command {
        declared()
            .into_iter()
            .fold(command, |command, (info, parameter)| {
                command.arg(flag(info, parameter))
            })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Parameters {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = declared().into_iter().filter_map(|(_, parameter)| {
            let value = matches.get_one::<String>(parameter.name)?.clone();
            let source = matches.value_source(parameter.name);
            let by_environment = source == Some(ValueSource::EnvVariable);
            Some(Given {
                name: parameter.name,
                value,
                by_environment,
                is_switch: parameter.kind == ParameterKind::Switch,
            })
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
