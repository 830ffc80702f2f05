//! Writing objects and arrays field by field, numbers without the formatting machinery.

use bytes::BytesMut;

use super::text::push_text;

/// Something that can be written as a JSON value.
pub(crate) trait ToJson {
    /// Appends the value.
    fn write_json(&self, out: &mut BytesMut);
}

macro_rules! integers {
    ($($type:ty)*) => {
        $(impl ToJson for $type {
            fn write_json(&self, out: &mut BytesMut) {
                out.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
            }
        })*
    };
}

integers!(i16 i32 i64 u16 u32 u64);

impl ToJson for bool {
    fn write_json(&self, out: &mut BytesMut) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

impl ToJson for str {
    fn write_json(&self, out: &mut BytesMut) {
        push_text(out, self);
    }
}

impl ToJson for &str {
    fn write_json(&self, out: &mut BytesMut) {
        push_text(out, self);
    }
}

impl ToJson for String {
    fn write_json(&self, out: &mut BytesMut) {
        push_text(out, self);
    }
}

impl<T: ToJson> ToJson for [T] {
    fn write_json(&self, out: &mut BytesMut) {
        let mut array = ArrayWriter::begin(out);
        for item in self {
            array.item(item);
        }
        array.end();
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write_json(&self, out: &mut BytesMut) {
        self.as_slice().write_json(out);
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn write_json(&self, out: &mut BytesMut) {
        match self {
            Some(value) => value.write_json(out),
            None => out.extend_from_slice(b"null"),
        }
    }
}

/// An object being written. [`ObjectWriter::end`] must be called.
pub(crate) struct ObjectWriter<'a> {
    out: &'a mut BytesMut,
    is_empty: bool,
}

impl<'a> ObjectWriter<'a> {
    pub(crate) fn begin(out: &'a mut BytesMut) -> Self {
        out.extend_from_slice(b"{");
        Self { out, is_empty: true }
    }

    /// Writes `"name":` and gives the buffer for the value. `name` is one of ours: it needs no escape.
    pub(crate) fn name(&mut self, name: &str) -> &mut BytesMut {
        self.out.extend_from_slice(if self.is_empty { b"\"" } else { b",\"" });
        self.is_empty = false;
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Writes a field.
    pub(crate) fn field(&mut self, name: &str, value: &(impl ToJson + ?Sized)) -> &mut Self {
        value.write_json(self.name(name));
        self
    }

    /// Writes a field whose name is data.
    pub(crate) fn entry(&mut self, name: &str, value: &(impl ToJson + ?Sized)) -> &mut Self {
        if !self.is_empty {
            self.out.extend_from_slice(b",");
        }
        self.is_empty = false;
        push_text(self.out, name);
        self.out.extend_from_slice(b":");
        value.write_json(self.out);
        self
    }

    /// Bytes written so far, with everything before the object.
    pub(crate) fn position(&self) -> usize {
        self.out.len()
    }

    /// Writes a field if there is a value.
    pub(crate) fn optional(&mut self, name: &str, value: Option<&(impl ToJson + ?Sized)>) -> &mut Self {
        if let Some(value) = value {
            self.field(name, value);
        }
        self
    }

    /// Writes a field that is an object.
    pub(crate) fn object(&mut self, name: &str, write: impl FnOnce(&mut ObjectWriter<'_>)) -> &mut Self {
        write_object(self.name(name), write);
        self
    }

    /// Writes a field that is an array of objects.
    pub(crate) fn objects<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut ObjectWriter<'_>, T),
    ) -> &mut Self {
        let mut array = ArrayWriter::begin(self.name(name));
        for item in items {
            write_object(array.next(), |object| write(object, item));
        }
        array.end();
        self
    }

    pub(crate) fn end(self) {
        self.out.extend_from_slice(b"}");
    }
}

fn write_object(out: &mut BytesMut, write: impl FnOnce(&mut ObjectWriter<'_>)) {
    let mut object = ObjectWriter::begin(out);
    write(&mut object);
    object.end();
}

/// An array being written. [`ArrayWriter::end`] must be called.
pub(crate) struct ArrayWriter<'a> {
    out: &'a mut BytesMut,
    is_empty: bool,
}

impl<'a> ArrayWriter<'a> {
    pub(crate) fn begin(out: &'a mut BytesMut) -> Self {
        out.extend_from_slice(b"[");
        Self { out, is_empty: true }
    }

    /// Gives the buffer for the next item.
    pub(crate) fn next(&mut self) -> &mut BytesMut {
        if !self.is_empty {
            self.out.extend_from_slice(b",");
        }
        self.is_empty = false;
        self.out
    }

    /// Bytes written so far, with everything before the array.
    pub(crate) fn position(&self) -> usize {
        self.out.len()
    }

    /// Writes an item.
    pub(crate) fn item(&mut self, value: &(impl ToJson + ?Sized)) {
        value.write_json(self.next());
    }

    pub(crate) fn end(self) {
        self.out.extend_from_slice(b"]");
    }
}
