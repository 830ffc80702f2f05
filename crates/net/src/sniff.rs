//! What a peer speaks, told from its first bytes.

/// What the first bytes of a connection look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// Newline-delimited text; whether it is JSON, its parser will say.
    Lines,
    /// A Kafka length prefix: the first byte of a 4-byte size up to 100 MiB is `0x00` to `0x06`.
    Kafka,
    /// An HTTP request.
    Http,
    /// A TLS client hello.
    Tls,
}

const HTTP_METHODS: [&[u8]; 9] =
    [b"GET ", b"PUT ", b"HEAD ", b"POST ", b"PATCH ", b"TRACE ", b"DELETE ", b"OPTIONS ", b"CONNECT "];

/// Decides by the bytes that have arrived; `None` while more are needed.
#[must_use]
pub fn sniff(bytes: &[u8]) -> Option<Speaks> {
    match *bytes.first()? {
        0x00..=0x06 => Some(Speaks::Kafka),
        0x16 => Some(Speaks::Tls),
        b'A'..=b'Z' => {
            if HTTP_METHODS.iter().any(|method| bytes.starts_with(method))
                || bytes.starts_with(b"PRI * HTTP/2")
            {
                Some(Speaks::Http)
            } else if HTTP_METHODS.iter().any(|method| method.starts_with(bytes)) {
                None
            } else {
                Some(Speaks::Lines)
            }
        }
        _ => Some(Speaks::Lines),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_decide() {
        assert_eq!(sniff(b""), None);
        assert_eq!(sniff(b"{\"op\""), Some(Speaks::Lines));
        assert_eq!(sniff(b"\n"), Some(Speaks::Lines));
        assert_eq!(sniff(&[0, 0, 0, 35]), Some(Speaks::Kafka));
        assert_eq!(sniff(&[0x16, 3, 1]), Some(Speaks::Tls));
        assert_eq!(sniff(b"GE"), None);
        assert_eq!(sniff(b"GET / HTTP/1.1\r\n"), Some(Speaks::Http));
        assert_eq!(sniff(b"GETTING"), Some(Speaks::Lines));
    }
}
