//! The files of the aws tool: sections, `key = value`, comments, one level of nesting.
//!
//! Readers of the general format take backslashes and quotes for escapes and fold the case of
//! names, all of which changes keys and secrets; this one keeps every character of a value.

use std::collections::BTreeMap;

/// Sections by name, as written: `default`, `profile work`.
#[derive(Debug, Default)]
pub(super) struct Ini {
    sections: BTreeMap<String, Section>,
}

/// The entries of a section; a nested one is called `outer.inner`. No `Debug`: values are secret.
#[derive(Default)]
pub(super) struct Section(BTreeMap<String, String>);

impl std::fmt::Debug for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Section {
    /// A value that is there and not empty.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The first key that starts so.
    pub(super) fn starting(&self, start: &str) -> Option<&str> {
        self.0
            .keys()
            .map(String::as_str)
            .find(|key| key.starts_with(start))
    }
}

impl Ini {
    /// Reads a file's text. An error is the number of the line, from 1, and what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, &'static str)> {
        let mut ini = Self::default();
        let mut section: Option<String> = None;
        let mut outer: Option<String> = None;
        for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let bare = line.trim();
            if bare.is_empty() || bare.starts_with(['#', ';']) {
                continue;
            }
            if let Some(rest) = bare.strip_prefix('[') {
                let Some((name, _)) = rest.split_once(']') else {
                    return Err((at + 1, "expected `]` at the end of a section's name"));
                };
                let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
                ini.sections.entry(name.clone()).or_default();
                section = Some(name);
                outer = None;
                continue;
            }
            let Some(entries) = section.as_ref().and_then(|name| ini.sections.get_mut(name)) else {
                return Err((at + 1, "expected a `[section]` before the first entry"));
            };
            let Some((key, value)) = bare.split_once('=') else {
                return Err((at + 1, "expected `key = value`"));
            };
            let (key, value) = (key.trim().to_ascii_lowercase(), value_of(value));
            let nested = line.starts_with([' ', '\t']);
            let key = if nested && let Some(outer) = &outer {
                format!("{outer}.{key}")
            } else {
                outer = value.is_empty().then(|| key.clone());
                key
            };
            entries.0.insert(key, value.to_owned());
        }
        Ok(ini)
    }

    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.get(name)
    }
}

/// The value without a comment behind it, which the aws tool knows by the blank before its sign.
fn value_of(text: &str) -> &str {
    let text = text.trim();
    let comment = [" #", " ;", "\t#", "\t;"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min();
    comment.map_or(text, |at| text[..at].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_aws_tool_writes() {
        let text = "\u{feff}# mine\n[default]\r\naws_access_key_id = AK\r\naws_secret_access_key=a/b+c=#\\n\"d\n\n\
                    [profile  work]\nregion = eu-west-1 # Dublin\nservices = local\nEmpty =\n\
                    [services local]\ns3 =\n  endpoint_url = http://h:9000\n  path = x\nafter = 1\n";
        let ini = Ini::parse(text).unwrap();
        let default = ini.section("default").unwrap();
        assert_eq!(default.get("aws_access_key_id"), Some("AK"));
        assert_eq!(default.get("aws_secret_access_key"), Some("a/b+c=#\\n\"d"));
        let work = ini.section("profile work").unwrap();
        assert_eq!(work.get("region"), Some("eu-west-1"));
        assert_eq!(work.get("empty"), None);
        let services = ini.section("services local").unwrap();
        assert_eq!(services.get("s3.endpoint_url"), Some("http://h:9000"));
        assert_eq!(services.get("s3.path"), Some("x"));
        assert_eq!(services.get("after"), Some("1"));
        assert!(ini.section("other").is_none());
    }

    #[test]
    fn says_which_line_is_wrong() {
        assert_eq!(Ini::parse("a = b").unwrap_err().0, 1);
        assert_eq!(Ini::parse("[x]\n\nnonsense").unwrap_err().0, 3);
        assert_eq!(Ini::parse("[x").unwrap_err().0, 1);
    }

    #[test]
    fn shows_no_value() {
        let ini = Ini::parse("[x]\nkey = canary").unwrap();
        assert_eq!(format!("{ini:?}"), "Ini { sections: {\"x\": {\"key\"}} }");
    }
}
