//! Big-endian numbers at fixed places of a header whose length was checked.

macro_rules! at {
    ($get:ident, $put:ident, $number:ty) => {
        #[doc = concat!("The ", stringify!($number), " at byte `at`; the caller checked the length.")]
        pub(crate) fn $get(bytes: &[u8], at: usize) -> $number {
            const LEN: usize = size_of::<$number>();
            <$number>::from_be_bytes(bytes[at..at + LEN].try_into().expect("a slice of LEN bytes"))
        }

        #[doc = concat!("Writes the ", stringify!($number), " at byte `at`; the caller checked the length.")]
        pub(crate) fn $put(bytes: &mut [u8], at: usize, value: $number) {
            const LEN: usize = size_of::<$number>();
            bytes[at..at + LEN].copy_from_slice(&value.to_be_bytes());
        }
    };
}

at!(i8_at, put_i8, i8);
at!(i16_at, put_i16, i16);
at!(i32_at, put_i32, i32);
at!(u32_at, put_u32, u32);
at!(i64_at, put_i64, i64);
