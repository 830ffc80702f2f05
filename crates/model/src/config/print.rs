//! What `--print-config` prints.

use std::fmt::Write;

use super::Settings;

/// Every key, its value and where that comes from, in columns; what nobody set and has no default is left out.
///
/// # Panics
/// Never: a text takes everything.
#[must_use]
pub fn print_config(settings: &Settings) -> String {
    let rows: Vec<(&str, String, String)> = settings
        .iter()
        .map(|(key, setting)| (key.name, setting.value.to_string(), setting.origin.to_string()))
        .filter(|(_, value, _)| !value.is_empty())
        .collect();
    let keys = rows.iter().map(|(key, ..)| key.len()).max().unwrap_or(0);
    let values = rows.iter().map(|(_, value, _)| value.len()).max().unwrap_or(0);
    let mut text = format!("{:keys$}  {:values$}  SOURCE\n", "KEY", "VALUE");
    for (key, value, source) in rows {
        writeln!(text, "{key:keys$}  {value:values$}  {source}").expect("a String takes everything");
    }
    text
}
