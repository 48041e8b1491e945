//! A profile in the files of the aws tool.

use std::io;
use std::path::{Path, PathBuf};

use super::ini::{Ini, Section};
use super::options::Keys;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// What both files say about one profile.
#[derive(Debug)]
pub(super) struct Profile {
    name: String,
    credentials_file: Option<PathBuf>,
    config_file: Option<PathBuf>,
    credentials: Ini,
    config: Ini,
}

impl Profile {
    /// Reads the profile that the user named, or `AWS_PROFILE`, or `default`. Files that are not
    /// there are empty, but a named profile has to stand in one of them.
    pub(super) fn read(named: Option<&str>, environment: &Environment) -> Result<Self> {
        let home = environment
            .first(&["HOME", "USERPROFILE"])
            .map(PathBuf::from);
        let file = |variable: &str, name: &str| {
            environment
                .get(variable)
                .map(PathBuf::from)
                .or_else(|| home.as_ref().map(|home| home.join(".aws").join(name)))
        };
        let named = named
            .map(str::to_owned)
            .or_else(|| environment.get("AWS_PROFILE"));
        let credentials_file = file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
        let config_file = file("AWS_CONFIG_FILE", "config");
        let profile = Self {
            name: named.clone().unwrap_or_else(|| "default".to_owned()),
            credentials: read(credentials_file.as_deref())?,
            config: read(config_file.as_deref())?,
            credentials_file,
            config_file,
        };
        if named.is_some() && profile.sections().next().is_none() {
            return Err(Error::Invalid {
                what: "profile",
                expected: format!("one that stands in {}", profile.files()),
                found: format!("`{}`", profile.name),
            });
        }
        Ok(profile)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The files' paths, for a message.
    pub(super) fn files(&self) -> String {
        let files: Vec<_> = [&self.credentials_file, &self.config_file]
            .into_iter()
            .flatten()
            .map(|file| file.display().to_string())
            .collect();
        if files.is_empty() {
            "~/.aws, which is unknown without HOME".to_owned()
        } else {
            files.join(" or ")
        }
    }

    /// The keys, where the profile has any. Other ways to come by keys are refused by name rather
    /// than passed over, which would sign with someone else's.
    pub(super) fn keys(&self) -> Result<Option<Keys>> {
        // A role goes before keys that stand beside it, with the aws tool.
        for section in self.sections() {
            if let Some(key) = section.starting("role_arn") {
                return Err(self.another_way(key));
            }
        }
        for section in self.sections() {
            let pair = (
                section.get("aws_access_key_id"),
                section.get("aws_secret_access_key"),
            );
            match pair {
                (Some(id), Some(secret)) => {
                    return Ok(Some(Keys {
                        id: Secret::new(id),
                        secret: Secret::new(secret),
                        token: section.get("aws_session_token").map(Secret::new),
                    }));
                }
                (None, None) => {}
                _ => return Err(self.refused("only one of the two")),
            }
        }
        for section in self.sections() {
            for way in ["credential_process", "sso_", "login_session"] {
                if let Some(key) = section.starting(way) {
                    return Err(self.another_way(key));
                }
            }
        }
        Ok(None)
    }

    fn another_way(&self, key: &str) -> Error {
        self.refused(&format!(
            "`{key}`; `aws configure export-credentials --profile {} --format env` prints keys for \
             the environment",
            self.name
        ))
    }

    fn refused(&self, found: &str) -> Error {
        Error::Invalid {
            what: "profile",
            expected: format!(
                "aws_access_key_id and aws_secret_access_key in profile `{}`",
                self.name
            ),
            found: found.to_owned(),
        }
    }

    pub(super) fn region(&self) -> Option<&str> {
        self.value("region")
    }

    pub(super) fn ca_bundle(&self) -> Option<&str> {
        self.value("ca_bundle")
    }

    /// The endpoint: that of the profile's `services` section for the service, or its own.
    pub(super) fn endpoint_url(&self, service: &str) -> Option<&str> {
        let services = self
            .value("services")
            .and_then(|name| self.config.section(&format!("services {name}")))
            .and_then(|section| section.get(&format!("{service}.endpoint_url")));
        services.or_else(|| self.value("endpoint_url"))
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.sections().find_map(|section| section.get(key))
    }

    fn sections(&self) -> impl Iterator<Item = &Section> {
        let config = if self.name == "default" {
            self.config
                .section("default")
                .or_else(|| self.config.section("profile default"))
        } else {
            self.config.section(&format!("profile {}", self.name))
        };
        self.credentials
            .section(&self.name)
            .into_iter()
            .chain(config)
    }
}

fn read(path: Option<&Path>) -> Result<Ini> {
    let Some(path) = path else {
        return Ok(Ini::default());
    };
    match std::fs::read_to_string(path) {
        Ok(text) => Ini::parse(&text).map_err(|(line, problem)| Error::Invalid {
            what: "file of the aws tool",
            expected: format!("its form of INI in {}", path.display()),
            found: format!("line {line}: {problem}"),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ini::default()),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A home with both files; reads the profile and looks.
    #[track_caller]
    fn profile(credentials: &str, config: &str, named: Option<&str>) -> Result<Profile> {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".aws");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("credentials"), credentials).unwrap();
        std::fs::write(folder.join("config"), config).unwrap();
        let path = home.path().to_str().unwrap().to_owned();
        Profile::read(
            named,
            &Environment::new(move |name| (name == "HOME").then(|| path.clone())),
        )
    }

    const KEYS: &str = "aws_access_key_id = AK\naws_secret_access_key = canary\n";

    #[test]
    fn reads_keys_and_settings_from_both_files() {
        let credentials = format!("[work]\n{KEYS}aws_session_token = T\n");
        let config =
            "[profile work]\nregion = eu-west-1\nendpoint_url = http://h:1\nca_bundle = /ca.pem\n";
        let work = profile(&credentials, config, Some("work")).unwrap();
        let keys = work.keys().unwrap().unwrap();
        assert_eq!((keys.id.reveal(), keys.secret.reveal()), ("AK", "canary"));
        assert_eq!(keys.token.unwrap().reveal(), "T");
        assert_eq!(work.region(), Some("eu-west-1"));
        assert_eq!(work.endpoint_url("s3"), Some("http://h:1"));
        assert_eq!(work.ca_bundle(), Some("/ca.pem"));
        assert!(!format!("{work:?}").contains("canary"));
    }

    #[test]
    fn an_endpoint_of_the_service_goes_first() {
        let config = "[default]\nservices = x\nendpoint_url = http://all\n\
                      [services x]\ns3 =\n  endpoint_url = http://s3\n";
        let profile = profile("", config, None).unwrap();
        assert_eq!(profile.endpoint_url("s3"), Some("http://s3"));
        assert_eq!(profile.endpoint_url("sqs"), Some("http://all"));
    }

    #[test]
    fn a_named_profile_must_be_there() {
        let error = profile(KEYS_OF_DEFAULT, "", Some("wrok"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("expected one that stands in") && error.contains("`wrok`"),
            "{error}"
        );
        assert!(profile("", "", None).unwrap().keys().unwrap().is_none());
    }

    const KEYS_OF_DEFAULT: &str =
        "[default]\naws_access_key_id = AK\naws_secret_access_key = canary\n";

    #[test]
    fn other_ways_to_keys_are_refused_by_name() {
        for way in [
            "credential_process = /bin/x",
            "sso_session = x",
            "role_arn = arn:x",
        ] {
            let error = profile("", &format!("[default]\n{way}\n"), None)
                .unwrap()
                .keys()
                .unwrap_err()
                .to_string();
            let key = way.split(' ').next().unwrap();
            assert!(error.contains(&format!("found `{key}`")), "{error}");
        }
        let half = profile("[default]\naws_access_key_id = AK\n", "", None).unwrap();
        assert!(
            half.keys()
                .unwrap_err()
                .to_string()
                .contains("only one of the two")
        );
    }

    #[test]
    fn a_broken_file_is_named_with_its_line() {
        let error = profile("[default]\nnonsense", "", None)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("credentials, found line 2: expected `key = value`"),
            "{error}"
        );
    }
}
