//! What a line means: headers, key and value, in Kafka's order and with Kafka's separators.
//!
//! ```text
//! h1:v1,h2:v2 TAB key TAB value        parse.headers=true, parse.key=true, Kafka's default separators
//! key:value                            -K :
//! value                                nothing asked for
//! ```

use memchr::memmem;
use yak_cli::properties::{Properties, Property};
use yak_cli::{Failure, parse};
use yak_client::Header;

/// How lines are taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFormat {
    /// Stands after the key, if there is one.
    key_separator: Option<Vec<u8>>,
    headers: Option<HeaderFormat>,
    /// A key, value, header value or all headers equal to this are null.
    null_marker: Option<Vec<u8>>,
    /// A separator that is missing means that the part is missing, not that the line is wrong.
    ignore_error: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct HeaderFormat {
    /// Stands after the last header.
    delimiter: Vec<u8>,
    /// Stands between two headers.
    separator: Vec<u8>,
    /// Stands between a header's name and its value.
    key_separator: Vec<u8>,
}

/// A line taken apart. Its headers are in the vector that the caller lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The key, if there is one.
    pub key: Option<&'a [u8]>,
    /// The value, or null.
    pub value: Option<&'a [u8]>,
}

impl LineFormat {
    /// The format that flags and Kafka's reader properties ask for; the flags win.
    ///
    /// # Errors
    /// An unknown property, a bad value, or separators that cannot be told apart.
    pub fn new(
        key_separator: Option<&[u8]>,
        null_marker: Option<&str>,
        reader_properties: &[(String, String)],
    ) -> Result<Self, Failure> {
        let mut properties = Properties::default();
        for (key, value) in reader_properties {
            properties.push(Property::new(key, value, "--reader-property"));
        }
        let parse_key = properties.take("parse.key", parse::boolean)?;
        let mut separator = |key: &'static str| {
            properties.take(key, parse::separator).map(|given| given.map(|separator| separator.0))
        };
        let after_key = separator("key.separator")?.unwrap_or_else(|| b"\t".to_vec());
        let delimiter = separator("headers.delimiter")?;
        let between = separator("headers.separator")?;
        let header_key = separator("headers.key.separator")?;
        let parse_headers = properties.take("parse.headers", parse::boolean)?.unwrap_or(false);
        let marker = properties.take("null.marker", |text| Ok(text.to_owned()))?;
        let ignore_error = properties.take("ignore.error", parse::boolean)?.unwrap_or(false);
        properties.finish_strictly()?;
        let format = Self {
            key_separator: match key_separator {
                Some(given) => Some(given.to_vec()),
                None => (parse_key == Some(true)).then_some(after_key),
            },
            headers: parse_headers.then(|| HeaderFormat {
                delimiter: delimiter.unwrap_or_else(|| b"\t".to_vec()),
                separator: between.unwrap_or_else(|| b",".to_vec()),
                key_separator: header_key.unwrap_or_else(|| b":".to_vec()),
            }),
            null_marker: null_marker.map(str::to_owned).or(marker).map(String::into_bytes),
            ignore_error,
        };
        format.check()
    }

    /// Separators that are equal, to each other or to the null marker, would make lines ambiguous (Kafka's
    /// rule). Headers end before the key begins, so these two may end alike, and do by default.
    fn check(self) -> Result<Self, Failure> {
        let marker = ("null.marker", self.null_marker.as_deref());
        let key = ("key.separator", self.key_separator.as_deref());
        let headers = self.headers.as_ref();
        let delimiter = ("headers.delimiter", headers.map(|headers| headers.delimiter.as_slice()));
        let separator = ("headers.separator", headers.map(|headers| headers.separator.as_slice()));
        let header_key = ("headers.key.separator", headers.map(|headers| headers.key_separator.as_slice()));
        for (one, other) in [
            (marker, key),
            (marker, delimiter),
            (marker, separator),
            (marker, header_key),
            (delimiter, separator),
            (delimiter, header_key),
            (separator, header_key),
        ] {
            if one.1.is_some() && one.1 == other.1 {
                return Err(Failure::usage(format!("{} and {} must not be the same", one.0, other.0)));
            }
        }
        Ok(self)
    }

    /// Whether a line is simply the value.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.key_separator.is_none() && self.headers.is_none() && self.null_marker.is_none()
    }

    /// Whether keys are read from lines.
    #[must_use]
    pub const fn has_key(&self) -> bool {
        self.key_separator.is_some()
    }

    /// Takes a line apart. Its headers are put into `headers`, after those that are there.
    ///
    /// # Errors
    /// What is missing.
    pub fn parse<'a>(&'a self, line: &'a [u8], headers: &mut Vec<Header<'a>>) -> Result<Parts<'a>, String> {
        let mut rest = line;
        if let Some(format) = &self.headers {
            let (before, after) = self.split(rest, &format.delimiter, "headers delimiter")?;
            if let Some(before) = before.filter(|text| !self.is_null(text)) {
                self.parse_headers(before, format, headers)?;
            }
            rest = after;
        }
        let mut key = None;
        if let Some(separator) = &self.key_separator {
            (key, rest) = self.split(rest, separator, "key separator")?;
        }
        Ok(Parts { key: key.filter(|key| !self.is_null(key)), value: (!self.is_null(rest)).then_some(rest) })
    }

    /// What stands before and after the first `separator`.
    fn split<'a>(
        &self,
        text: &'a [u8],
        separator: &[u8],
        name: &str,
    ) -> Result<(Option<&'a [u8]>, &'a [u8]), String> {
        match memmem::find(text, separator) {
            Some(at) => Ok((Some(&text[..at]), &text[at + separator.len()..])),
            None if self.ignore_error => Ok((None, text)),
            None => Err(format!("no {name} \"{}\"", shown(separator))),
        }
    }

    fn parse_headers<'a>(
        &self,
        text: &'a [u8],
        format: &HeaderFormat,
        headers: &mut Vec<Header<'a>>,
    ) -> Result<(), String> {
        let mut rest = Some(text);
        while let Some(text) = rest {
            let pair;
            (pair, rest) = match memmem::find(text, &format.separator) {
                Some(at) => (&text[..at], Some(&text[at + format.separator.len()..])),
                None => (text, None),
            };
            let (name, value) = match memmem::find(pair, &format.key_separator) {
                Some(at) => (&pair[..at], Some(&pair[at + format.key_separator.len()..])),
                None if self.ignore_error => (pair, None),
                None => {
                    let (separator, pair) = (shown(&format.key_separator), shown(pair));
                    return Err(format!("no header key separator \"{separator}\" in \"{pair}\""));
                }
            };
            if self.is_null(name) {
                return Err("a header's name cannot be null".to_owned());
            }
            let name = std::str::from_utf8(name)
                .map_err(|_invalid| format!("header name \"{}\" is not UTF-8", shown(name)))?;
            headers.push(Header::new(name, value.filter(|value| !self.is_null(value))));
        }
        Ok(())
    }

    fn is_null(&self, text: &[u8]) -> bool {
        self.null_marker.as_deref() == Some(text)
    }
}

/// Bytes as they are shown in a message.
fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(properties: &[(&str, &str)]) -> LineFormat {
        try_format(None, None, properties).unwrap()
    }

    fn try_format(
        separator: Option<&str>,
        marker: Option<&str>,
        properties: &[(&str, &str)],
    ) -> Result<LineFormat, Failure> {
        let properties: Vec<_> =
            properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        LineFormat::new(separator.map(str::as_bytes), marker, &properties)
    }

    fn parsed(format: &LineFormat, line: &str) -> String {
        let mut headers = Vec::new();
        let shown =
            |bytes: Option<&[u8]>| bytes.map_or("null".to_owned(), |bytes| format!("'{}'", shown(bytes)));
        match format.parse(line.as_bytes(), &mut headers) {
            Ok(parts) => {
                let headers: Vec<_> =
                    headers.iter().map(|h| format!("{}={}", h.key_text(), shown(h.value))).collect();
                format!("[{}] {} {}", headers.join(" "), shown(parts.key), shown(parts.value))
            }
            Err(problem) => problem,
        }
    }

    #[test]
    fn without_flags_the_line_is_the_value() {
        let plain = format(&[]);
        assert!(plain.is_plain());
        assert_eq!(parsed(&plain, "a\tb:c"), "[] null 'a\\tb:c'");
        assert_eq!(parsed(&plain, ""), "[] null ''");
    }

    #[test]
    fn a_key_ends_at_the_first_separator() {
        let flag = try_format(Some("=>"), None, &[]).unwrap();
        assert_eq!(parsed(&flag, "k=>v=>w"), "[] 'k' 'v=>w'");
        assert_eq!(parsed(&flag, "=>"), "[] '' ''");
        assert_eq!(parsed(&flag, "no key"), "no key separator \"=>\"");
        let kafka = format(&[("parse.key", "true")]);
        assert_eq!(parsed(&kafka, "k\tv"), "[] 'k' 'v'");
        assert_eq!(parsed(&kafka, "k v"), "no key separator \"\\t\"");
        let lenient = format(&[("parse.key", "true"), ("key.separator", ":"), ("ignore.error", "true")]);
        assert_eq!(parsed(&lenient, "no key"), "[] null 'no key'");
    }

    #[test]
    fn headers_stand_before_the_key() {
        let both = format(&[("parse.headers", "true"), ("parse.key", "true")]);
        assert_eq!(parsed(&both, "h1:v1,h2:v2\tk\tv"), "[h1='v1' h2='v2'] 'k' 'v'");
        assert_eq!(parsed(&both, "h1:\tk\tv"), "[h1=''] 'k' 'v'");
        assert_eq!(parsed(&both, "h1\tk\tv"), "no header key separator \":\" in \"h1\"");
        assert_eq!(parsed(&both, "no tab"), "no headers delimiter \"\\t\"");
        let own = format(&[
            ("parse.headers", "true"),
            ("headers.delimiter", "|"),
            ("headers.separator", ";"),
            ("headers.key.separator", "="),
            ("null.marker", "NULL"),
        ]);
        assert_eq!(parsed(&own, "a=1;b=NULL|v"), "[a='1' b=null] null 'v'");
        assert_eq!(parsed(&own, "NULL|NULL"), "[] null null");
        assert_eq!(parsed(&own, "NULL=1|v"), "a header's name cannot be null");
    }

    #[test]
    fn the_null_marker_stands_for_null_keys_and_values() {
        let format = try_format(Some(":"), Some("-"), &[]).unwrap();
        assert_eq!(parsed(&format, "-:v"), "[] null 'v'");
        assert_eq!(parsed(&format, "k:-"), "[] 'k' null");
        assert_eq!(parsed(&format, "k:"), "[] 'k' ''");
    }

    #[test]
    fn contradictions_are_refused() {
        for (properties, message) in [
            (&[("parse.kye", "true")][..], "--reader-property parse.kye: unknown property"),
            (&[("parse.key", "yes")], "--reader-property parse.key: \"yes\" is not true or false"),
            (
                &[("parse.key", "true"), ("key.separator", "x"), ("null.marker", "x")],
                "null.marker and key.separator must not be the same",
            ),
            (
                &[("parse.headers", "true"), ("headers.separator", ":")],
                "headers.separator and headers.key.separator must not be the same",
            ),
        ] {
            assert_eq!(try_format(None, None, properties).unwrap_err().message, message);
        }
    }
}
