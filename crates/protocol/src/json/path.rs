//! Where in a message a value stands, as `records[3].key`.

use std::fmt;

/// A path as a chain through the stack frames that are reading; it costs nothing until it is printed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Path<'p> {
    /// The message itself.
    Root,
    /// A field of an object.
    Field(&'p Path<'p>, &'p str),
    /// An element of an array.
    Index(&'p Path<'p>, usize),
}

impl Path<'_> {
    /// The path as a prefix of an error message: `"records[3].key: "`, or nothing at the root.
    pub(crate) fn prefix(&self) -> String {
        match self {
            Self::Root => String::new(),
            _ => format!("{self}: "),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn a_path_prints_as_one_would_write_it() {
        let records = Path::Field(&Path::Root, "records");
        let third = Path::Index(&records, 3);
        assert_eq!(Path::Field(&third, "key").prefix(), "records[3].key: ");
        assert_eq!(Path::Root.prefix(), "");
    }
}
