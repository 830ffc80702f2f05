//! The fields of a record.

/// A field of a record, of a header, or of a record line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Field {
    Value,
    Key,
    Offset,
    Timestamp,
    ValueBase64,
    KeyBase64,
    Headers,
    TimestampType,
    Topic,
    Partition,
}

impl Field {
    const ALL: [Self; 10] = [
        Self::Value,
        Self::Key,
        Self::Offset,
        Self::Timestamp,
        Self::ValueBase64,
        Self::KeyBase64,
        Self::Headers,
        Self::TimestampType,
        Self::Topic,
        Self::Partition,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Key => "key",
            Self::Offset => "offset",
            Self::Timestamp => "timestamp",
            Self::ValueBase64 => "value_base64",
            Self::KeyBase64 => "key_base64",
            Self::Headers => "headers",
            Self::TimestampType => "timestamp_type",
            Self::Topic => "topic",
            Self::Partition => "partition",
        }
    }

    #[inline]
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "value" => Self::Value,
            "key" => Self::Key,
            "offset" => Self::Offset,
            "timestamp" => Self::Timestamp,
            "value_base64" => Self::ValueBase64,
            "key_base64" => Self::KeyBase64,
            "headers" => Self::Headers,
            "timestamp_type" => Self::TimestampType,
            "topic" => Self::Topic,
            "partition" => Self::Partition,
            _ => return None,
        })
    }
}

/// A set of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldSet(u16);

impl FieldSet {
    pub(crate) const EMPTY: Self = Self(0);
    /// What a header has.
    pub(crate) const HEADER: Self =
        Self::of(&[Field::Key, Field::KeyBase64, Field::Value, Field::ValueBase64]);
    /// What a record of a produce has.
    pub(crate) const PRODUCED: Self = Self::HEADER.with(&[Field::Timestamp, Field::Headers]);
    /// What a record of a fetch reply has.
    pub(crate) const FETCHED: Self = Self::PRODUCED.with(&[Field::Offset, Field::TimestampType]);
    /// What a record line has.
    pub(crate) const LINE: Self = Self::FETCHED.with(&[Field::Topic, Field::Partition]);

    const fn of(fields: &[Field]) -> Self {
        Self::EMPTY.with(fields)
    }

    const fn with(self, fields: &[Field]) -> Self {
        let mut bits = self.0;
        let mut i = 0;
        while i < fields.len() {
            bits |= 1 << fields[i] as u16;
            i += 1;
        }
        Self(bits)
    }

    #[inline]
    pub(crate) const fn contains(self, field: Field) -> bool {
        self.0 & (1 << field as u16) != 0
    }

    #[inline]
    pub(crate) const fn insert(&mut self, field: Field) {
        self.0 |= 1 << field as u16;
    }

    /// The names of the fields.
    pub(crate) fn names(self) -> Vec<&'static str> {
        Field::ALL.into_iter().filter(|field| self.contains(*field)).map(Field::name).collect()
    }
}
