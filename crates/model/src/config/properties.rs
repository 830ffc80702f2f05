//! The syntax of `server.properties` files, as Java reads them, less its guesses.
//!
//! ```text
//! # a comment            ! another one
//! key = value            key: value
//! list = one, \
//!        two             (continued: the indentation of the next line does not count)
//! tab = \t               \n \r \f \\ \= \: \# \! and \uXXXX are escapes
//! ```

use super::{Fault, Origin};

/// One `key=value` of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The line it begins on, from 1.
    pub line: usize,
    /// The key, escapes resolved.
    pub key: String,
    /// The value, escapes resolved, without white space around it.
    pub value: String,
}

/// Reads a file's text. What could be read is returned beside the faults, so that all can be reported at once.
#[must_use]
pub fn parse_properties(path: &str, text: &str) -> (Vec<Property>, Vec<Fault>) {
    let mut properties: Vec<Property> = Vec::new();
    let mut faults = Vec::new();
    for (line, text) in logical_lines(text) {
        let origin = || Origin::File { path: path.into(), line };
        match parse_line(line, &text) {
            Ok(property) => match properties.iter().find(|earlier| earlier.key == property.key) {
                Some(earlier) => {
                    let problem = format!("is set a second time (first in line {})", earlier.line);
                    faults.push(Fault::new(origin(), property.key, problem));
                }
                None => properties.push(property),
            },
            Err(problem) => faults.push(Fault::new(origin(), "", problem)),
        }
    }
    (properties, faults)
}

/// Lines with continuations joined, without blank lines and comments, each with its first line's number.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in (1..).zip(text.strip_prefix('\u{feff}').unwrap_or(text).lines()) {
        let line = line.trim_start();
        if open.is_none() && (line.is_empty() || line.starts_with(['#', '!'])) {
            continue;
        }
        let (first, mut joined) = open.take().unwrap_or((number, String::new()));
        let continues = line.len() - line.trim_end_matches('\\').len();
        if continues % 2 == 1 {
            joined.push_str(&line[..line.len() - 1]);
            open = Some((first, joined));
        } else {
            joined.push_str(line);
            lines.push((first, joined));
        }
    }
    lines.extend(open);
    lines
}

fn parse_line(line: usize, text: &str) -> Result<Property, String> {
    let mut escaped = false;
    let separator = text.char_indices().find(|(_, c)| {
        let found = !escaped && matches!(c, '=' | ':');
        escaped = !escaped && *c == '\\';
        found
    });
    let Some((at, _)) = separator else {
        return Err(format!("\"{}\" is not key=value", text.trim_end()));
    };
    let key = unescape(text[..at].trim())?;
    if key.is_empty() {
        return Err(format!("\"{}\" has no key before the =", text.trim_end()));
    }
    Ok(Property { line, key, value: unescape(text[at + 1..].trim())? })
}

fn unescape(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let character = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                let valid = character.filter(|_| digits.len() == 4);
                out.push(valid.ok_or_else(|| format!("\"\\u{digits}\" is not a character"))?);
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(usize, String, String)> {
        let (properties, faults) = parse_properties("f", text);
        assert_eq!(faults, []);
        properties.into_iter().map(|p| (p.line, p.key, p.value)).collect()
    }

    fn one(line: usize, key: &str, value: &str) -> (usize, String, String) {
        (line, key.to_owned(), value.to_owned())
    }

    #[test]
    fn keys_values_comments_and_continuations() {
        let text = "\u{feff}# comment\n\n  ! another = one\nnum.partitions = 3 \r\nlisteners=PLAINTEXT://:9092\n\
                    log.dirs : /a,\\\n    /b\nempty=\n";
        assert_eq!(
            read(text),
            [
                one(4, "num.partitions", "3"),
                one(5, "listeners", "PLAINTEXT://:9092"),
                one(6, "log.dirs", "/a,/b"),
                one(8, "empty", ""),
            ]
        );
    }

    #[test]
    fn escapes() {
        assert_eq!(read(r"a\=b = c\\d\te\u00e9\!"), [one(1, "a=b", "c\\d\teé!")]);
        assert_eq!(read("a=b\\\\\nc=d"), [one(1, "a", "b\\"), one(2, "c", "d")]);
        assert_eq!(read("a=b\\"), [one(1, "a", "b")]);
    }

    #[test]
    fn every_fault_is_found_with_its_line() {
        let (properties, faults) = parse_properties("x.properties", "a=1\nwhat\na=2\n=3\nb=\\u12\nc=4\n");
        assert_eq!(properties.len(), 2);
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            faults,
            [
                "x.properties:2: \"what\" is not key=value",
                "x.properties:3: a: is set a second time (first in line 1)",
                "x.properties:4: \"=3\" has no key before the =",
                "x.properties:5: \"\\u12\" is not a character",
            ]
        );
    }
}
