//! ApiVersions: which APIs this broker serves, in which versions.
//!
//! The one request whose version need not be known here: it is answered in version 0 with what is, and the client asks
//! again (KIP-511).

use yak_kafka::messages::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use yak_kafka::{APIS, ApiKey, api, decode_body};
use yak_model::ErrorCode;
use yak_model::limits::MAX_LABEL_LEN;
use yak_net::{Flow, Outbox};

use super::call::Call;
use super::{BadFrame, Connection};

/// From this version on clients name their software.
const NAMES_SOFTWARE: i16 = 3;

pub(super) fn api_versions(
    connection: &mut Connection,
    call: Call,
    body: &[u8],
    outbox: &mut Outbox,
) -> Result<Flow, BadFrame> {
    let served = api(ApiKey::ApiVersions).map(|api| api.accepted.clone());
    if !served.is_some_and(|served| served.contains(&call.version)) {
        Call { version: 0, ..call }.reply(outbox, &unsupported_version());
        return Ok(Flow::Continue);
    }
    let request: ApiVersionsRequest = decode_body(body, call.version)?;
    let mut response = ApiVersionsResponse::default();
    if call.version >= NAMES_SOFTWARE {
        let (name, version) = (request.client_software_name, request.client_software_version);
        if is_software(&name) && is_software(&version) {
            connection.software = Some(format!("{name}/{version}"));
        } else {
            response.error_code = Some(ErrorCode::InvalidRequest);
        }
    }
    response.api_keys = APIS.iter().map(row).collect();
    call.reply(outbox, &response);
    Ok(Flow::Continue)
}

fn row(api: &yak_kafka::Api) -> ApiVersion {
    ApiVersion {
        api_key: api.key.number(),
        min_version: *api.advertised.start(),
        max_version: *api.advertised.end(),
    }
}

fn unsupported_version() -> ApiVersionsResponse {
    ApiVersionsResponse {
        error_code: Some(ErrorCode::UnsupportedVersion),
        api_keys: api(ApiKey::ApiVersions).map(row).into_iter().collect(),
        ..ApiVersionsResponse::default()
    }
}

/// Letters, digits, `-` and `.`; the ends are letters or digits (KIP-511).
fn is_software(text: &str) -> bool {
    let is_inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= MAX_LABEL_LEN
        && bytes.iter().all(is_inner)
        && is_end(bytes.first())
        && is_end(bytes.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn software_is_named_as_kafka_has_it() {
        for good in ["apache-kafka-java", "4.3.1", "a", "librdkafka", "2.16.1-RC1"] {
            assert!(is_software(good), "{good}");
        }
        for bad in ["", "-a", "a.", "a b", "a/b", "ü", &"x".repeat(256)] {
            assert!(!is_software(bad), "{bad}");
        }
    }
}
