//! The argument parser's own errors in our words: one line instead of a page.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{Failure, Kind, advice, scrub};
use crate::args::Expected;

const SEE_HELP: &str = "see lakeseed help";
const SEE_LIST: &str = "see lakeseed list for the names";

pub(super) fn explain(error: &clap::Error) -> Option<Failure> {
    let flag = context(error, ContextKind::InvalidArg).unwrap_or_else(|| "an argument".to_owned());
    let found = context(error, ContextKind::InvalidValue).unwrap_or_default();
    let got = if found.is_empty() {
        "nothing".to_owned()
    } else {
        format!("'{found}'")
    };
    let failure = match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return None,
        ErrorKind::InvalidValue => {
            let values = texts(error, ContextKind::ValidValue);
            let names: Vec<&str> = values.iter().map(String::as_str).collect();
            let expected = match names.as_slice() {
                [] => format!("a value for {flag}"),
                _ => format!("one of {} for {flag}", names.join(", ")),
            };
            Failure::usage(expected, got, &advice_on(&found, &names))
        }
        ErrorKind::ValueValidation => {
            let source = std::error::Error::source(error);
            match source.and_then(|source| source.downcast_ref::<Expected>()) {
                Some(Expected { what, advice }) => {
                    Failure::usage(format!("{what} for {flag}"), got, advice)
                }
                None => Failure::usage(format!("a valid value for {flag}"), got, SEE_HELP),
            }
        }
        ErrorKind::UnknownArgument => unknown_argument(error, &flag),
        ErrorKind::InvalidSubcommand => {
            let found = context(error, ContextKind::InvalidSubcommand).unwrap_or_default();
            let command = crate::args::command();
            let names = names_beside(&command, error);
            Failure::usage("a command", format!("'{found}'"), &advice(&found, names))
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = texts(error, ContextKind::InvalidArg).join(" and ");
            let advice = if missing.contains("DATASET") {
                SEE_LIST
            } else {
                "give it"
            };
            Failure::usage(missing, "nothing", advice)
        }
        ErrorKind::ArgumentConflict => conflict(error, &flag),
        ErrorKind::InvalidUtf8 => Failure::usage(
            "arguments in UTF-8",
            "other bytes",
            "change the name or value",
        ),
        _ => {
            let rendered = error.render().to_string();
            let first = rendered.lines().next().unwrap_or_default();
            let line = first
                .trim_start_matches("error: ")
                .replace("the argument ", "");
            Failure {
                kind: Kind::Usage,
                line: scrub::users(&format!("{line}; {SEE_HELP}")),
            }
        }
    };
    Some(failure)
}

/// The names of the commands that could stand where an unknown one does: those of a command, or all.
fn names_beside<'c>(all: &'c clap::Command, error: &clap::Error) -> Vec<&'c str> {
    let usage = match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => usage.to_string(),
        _ => String::new(),
    };
    let mut commands = all
        .get_subcommands()
        .filter(|command| command.has_subcommands());
    let of = commands.find(|command| usage.contains(&format!(" {} ", command.get_name())));
    let names = of.unwrap_or(all).get_subcommands();
    names.map(clap::Command::get_name).collect()
}

fn unknown_argument(error: &clap::Error, found: &str) -> Failure {
    if !found.starts_with('-') {
        return Failure::usage("no further argument", format!("'{found}'"), SEE_HELP);
    }
    let owners = commands_with(found);
    let advice = match context(error, ContextKind::SuggestedArg) {
        _ if !owners.is_empty() => format!("it is one of {}", owners.join(", ")),
        Some(near) => format!("did you mean '{near}'?"),
        None => SEE_HELP.to_owned(),
    };
    Failure::usage("a flag of this command", format!("'{found}'"), &advice)
}

/// The commands that have such a flag: a near name of another flag is no help then.
fn commands_with(flag: &str) -> Vec<String> {
    let all = crate::args::command();
    let has = |command: &clap::Command| {
        let mut flags = command.get_arguments().filter_map(clap::Arg::get_long);
        flags.any(|long| flag.strip_prefix("--") == Some(long))
    };
    let owners = all.get_subcommands().filter(|command| has(command));
    owners
        .map(|command| command.get_name().to_owned())
        .collect()
}

fn conflict(error: &clap::Error, found: &str) -> Failure {
    let others = texts(error, ContextKind::PriorArg).join(" and ");
    if others.is_empty() || others == found {
        return Failure::usage(format!("{found} once"), "it twice", "leave one out");
    }
    let expected = format!("either {found} or {others}");
    Failure::usage(expected, "both", "leave one out")
}

fn advice_on(found: &str, names: &[&str]) -> String {
    if found.is_empty() || names.is_empty() {
        return "give one".to_owned();
    }
    let advice = advice(found, names.iter().copied());
    // The names stand in the line already.
    if advice.starts_with("choose") {
        "choose one of them".to_owned()
    } else {
        advice
    }
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    texts(error, kind).into_iter().next()
}

/// What the parser knows about its error, without placeholders: `--scale <F>` is `--scale`.
fn texts(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    let all = match error.get(kind) {
        Some(ContextValue::String(one)) => vec![one.clone()],
        Some(ContextValue::Strings(many)) => many.clone(),
        _ => Vec::new(),
    };
    let is_argument = matches!(kind, ContextKind::InvalidArg | ContextKind::PriorArg);
    let shorten = |text: String| match text.split_once(" <") {
        Some((flag, _)) if is_argument => flag.to_owned(),
        _ => text,
    };
    all.into_iter().map(shorten).collect()
}
