//! The macro that makes a struct, its defaults, decoding and encoding of a table of fields.

/// A table of structs, each a list of fields in the order in which they stand on the wire:
///
/// ```text
/// name: Type [= default], versions [, nullable versions] [, tag N];
/// ```
///
/// An `Option` may be null in every version unless `nullable` says in which. A struct with versions of its own is
/// a message: `struct Name(key Api, versions first..=last, flexible from N) { .. }`. Nothing says `pub`: all of it is.
macro_rules! table {
    ($(
        $(#[$doc:meta])*
        struct $name:ident $((key $key:ident, versions $accepted:expr, flexible from $flexible:expr))? { $(
            $(#[$field_doc:meta])*
            $field:ident: $type:ty $(= $default:expr)?, $versions:expr
                $(, nullable $nullable:expr)? $(, tag $tag:literal)?;
        )* }
    )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name { $(
            $(#[$field_doc])*
            pub $field: $type,
        )* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $crate::table::default_value!($($default)?),)* }
            }
        }

        impl $crate::wire::Field for $name {
            fn least(form: $crate::wire::Form) -> usize {
                let mut least = usize::from(form.flexible);
                $($crate::table::unless_tagged!([$($tag)?] {
                    if $crate::table::is_within(form.version, $versions) {
                        least += <$type as $crate::wire::Field>::least(form);
                    }
                });)*
                least
            }

            fn read(
                reader: &mut $crate::cursor::Reader<'_>,
                form: $crate::wire::Form,
            ) -> Result<Self, $crate::error::DecodeError> {
                let mut value = Self::default();
                $($crate::table::unless_tagged!([$($tag)?] {
                    if $crate::table::is_within(form.version, $versions) {
                        let form = $crate::table::nullable_form!(form $(, $nullable)?);
                        value.$field = $crate::wire::Field::read(reader, form)
                            .map_err(|error| error.in_field(stringify!($field)))?;
                    }
                });)*
                if form.flexible {
                    $crate::table::read_tagged(reader, |reader, tag, content| {
                        #[allow(unused_variables, reason = "most tables have no tagged field")]
                        let (reader, tag, content, value) = (reader, tag, content, &mut value);
                        $($crate::table::if_tagged!([$($tag)?] known {
                            if tag == known && $crate::table::is_within(form.version, $versions) {
                                let form = $crate::table::nullable_form!(form $(, $nullable)?).tagged();
                                value.$field = reader
                                    .within(content, |reader| $crate::wire::Field::read(reader, form))
                                    .map_err(|error| error.in_field(stringify!($field)))?;
                            }
                        });)*
                        Ok(())
                    })?;
                }
                Ok(value)
            }

            fn write(&self, out: &mut bytes::BytesMut, form: $crate::wire::Form) {
                $($crate::table::unless_tagged!([$($tag)?] {
                    if $crate::table::is_within(form.version, $versions) {
                        let form = $crate::table::nullable_form!(form $(, $nullable)?);
                        $crate::wire::Field::write(&self.$field, out, form);
                    }
                });)*
                if form.flexible {
                    #[allow(unused_mut, reason = "most tables have no tagged field")]
                    let mut tagged = $crate::table::Tagged::default();
                    $($crate::table::if_tagged!([$($tag)?] tag {
                        let default: $type = $crate::table::default_value!($($default)?);
                        if self.$field != default && $crate::table::is_within(form.version, $versions) {
                            let form = $crate::table::nullable_form!(form $(, $nullable)?).tagged();
                            tagged.push(tag, &self.$field, form);
                        }
                    });)*
                    tagged.write(out);
                }
            }

            fn sample(choices: &mut $crate::choices::Choices<'_>, form: $crate::wire::Form) -> Self {
                let mut value = Self::default();
                $(if $crate::table::is_within(form.version, $versions)
                    && !$crate::table::leaves_default!([$($tag)?] choices)
                {
                    let form = $crate::table::nullable_form!(form $(, $nullable)?);
                    value.$field = $crate::wire::Field::sample(choices, form);
                })*
                value
            }
        }

        impl $crate::wire::Nullable for $name {
            fn least(_form: $crate::wire::Form) -> usize {
                1
            }

            fn read(
                reader: &mut $crate::cursor::Reader<'_>,
                form: $crate::wire::Form,
            ) -> Result<Option<Self>, $crate::error::DecodeError> {
                let marker: i8 = $crate::wire::Field::read(reader, form)?;
                let least = if form.tagged { 1 } else { 0 };
                (marker >= least).then(|| $crate::wire::Field::read(reader, form)).transpose()
            }

            fn write(value: Option<&Self>, out: &mut bytes::BytesMut, form: $crate::wire::Form) {
                let null = if form.tagged { 0 } else { -1 };
                let marker: i8 = if value.is_some() { 1 } else { null };
                $crate::wire::Field::write(&marker, out, form);
                if let Some(value) = value {
                    $crate::wire::Field::write(value, out, form);
                }
            }

            fn sample(choices: &mut $crate::choices::Choices<'_>, form: $crate::wire::Form) -> Self {
                <Self as $crate::wire::Field>::sample(choices, form)
            }
        }

        $(impl $crate::frame::Message for $name {
            const KEY: $crate::api::ApiKey = $crate::api::ApiKey::$key;
            const VERSIONS: std::ops::RangeInclusive<i16> = $accepted;
            const FLEXIBLE_FROM: i16 = $flexible;
        })?
    )* };
}

macro_rules! default_value {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}

macro_rules! unless_tagged {
    ([] $code:block) => {
        $code
    };
    ([$tag:literal] $code:block) => {};
}

macro_rules! if_tagged {
    ([] $name:ident $code:block) => {};
    ([$tag:literal] $name:ident $code:block) => {{
        let $name: u32 = $tag;
        $code
    }};
}

macro_rules! leaves_default {
    ([] $choices:ident) => {
        $choices.below(8) == 0
    };
    ([$tag:literal] $choices:ident) => {
        $choices.below(2) == 0
    };
}

macro_rules! nullable_form {
    ($form:ident) => {
        $form.nullable(true)
    };
    ($form:ident, $nullable:expr) => {
        $form.nullable($crate::table::is_within($form.version, $nullable))
    };
}

use std::ops::RangeBounds;

use bytes::{BufMut as _, BytesMut};
pub(crate) use {default_value, if_tagged, leaves_default, nullable_form, table, unless_tagged};

use crate::cursor::{Cursor as _, Reader};
use crate::error::DecodeError;
use crate::wire::{Field, Form, write_varint};

/// Whether a version is one of these.
pub(crate) fn is_within(version: i16, versions: impl RangeBounds<i16>) -> bool {
    versions.contains(&version)
}

/// Reads a tagged section; `known` gets each field's tag and content.
pub(crate) fn read_tagged<'a>(
    reader: &mut Reader<'a>,
    mut known: impl FnMut(&mut Reader<'a>, u32, &'a [u8]) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    for _ in 0..reader.tagged_fields()? {
        let (tag, content) = reader.tagged_field()?;
        known(reader, tag, content)?;
    }
    Ok(())
}

/// A tagged section that is being written, in ascending order of tags.
#[derive(Default)]
pub(crate) struct Tagged {
    count: u32,
    fields: BytesMut,
}

impl Tagged {
    /// Adds a field.
    pub(crate) fn push(&mut self, tag: u32, value: &impl Field, form: Form) {
        let mut content = BytesMut::new();
        value.write(&mut content, form);
        self.count += 1;
        write_varint(tag, &mut self.fields);
        write_varint(u32::try_from(content.len()).expect("a reply is far below 4 GiB"), &mut self.fields);
        self.fields.put_slice(&content);
    }

    /// Appends the section.
    pub(crate) fn write(&self, out: &mut BytesMut) {
        write_varint(self.count, out);
        out.put_slice(&self.fields);
    }
}
