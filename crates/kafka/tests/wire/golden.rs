//! Every frame in `tests/frames` is the message that it says, and is encoded to the same bytes again.

use std::fs;
use std::path::Path;

use bytes::BytesMut;
use yak_kafka::{Direction, KINDS, Kind, split_header, split_response_header};

/// A frame and what its file says of it.
pub(crate) struct Golden {
    name: String,
    pub(crate) kind: &'static Kind,
    pub(crate) version: i16,
    value: Option<String>,
    pub(crate) frame: Vec<u8>,
}

impl Golden {
    fn read(path: &Path) -> Self {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let [key, version, direction, ..] = name.split('-').collect::<Vec<_>>()[..] else {
            panic!("{name} does not say which message it is")
        };
        let direction = if direction == "request" { Direction::Request } else { Direction::Response };
        let is_it = |kind: &&Kind| kind.key.name() == key && kind.direction == direction;
        let kind = KINDS.iter().find(is_it).unwrap_or_else(|| panic!("{name}: there is no such message"));
        let text = fs::read_to_string(path).unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix("= ")).map(str::to_owned);
        let lines = text.lines().filter(|line| !line.starts_with('='));
        let digits: String =
            lines.flat_map(|line| line.split('#').next().unwrap().split_whitespace()).collect();
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        let frame = (0..digits.len()).step_by(2).map(byte).collect();
        let version = version.strip_prefix('v').unwrap().parse().unwrap();
        Self { name: name.to_owned(), kind, version, value, frame }
    }

    /// The value as text, and the frame that is made of it.
    fn again(&self) -> (String, BytesMut) {
        let mut out = BytesMut::new();
        let mut content = self.frame[4..].to_vec();
        let (client_id, correlation_id, mut body) = match self.kind.direction {
            Direction::Request => {
                let (header, body) = split_header(&mut content).unwrap();
                assert_eq!(header.api_key, self.kind.key.number());
                assert_eq!(header.api_version, self.version);
                (header.client_id.map(str::to_owned), header.correlation_id, body.to_vec())
            }
            Direction::Response => {
                let (id, body) = split_response_header(&content, self.kind.key, self.version).unwrap();
                (None, id, body.to_vec())
            }
        };
        let value = (self.kind.describe)(&mut body, self.version).unwrap();
        (self.kind.frame)(&mut body, self.version, correlation_id, client_id.as_deref(), &mut out).unwrap();
        (value, out)
    }
}

/// Every golden frame.
pub(crate) fn all() -> Vec<Golden> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/frames");
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let frames = paths.filter(|path| path.extension().is_some_and(|extension| extension == "hex"));
    frames.map(|path| Golden::read(&path)).collect()
}

#[test]
fn every_golden_frame_is_what_it_says_and_comes_back() {
    let all = all();
    assert!(all.len() >= 17, "{} frames", all.len());
    for golden in all {
        let (value, frame) = golden.again();
        assert_eq!(Some(&value), golden.value.as_ref().or(Some(&value)), "{}", golden.name);
        assert_eq!(frame, golden.frame, "{}", golden.name);
    }
}
