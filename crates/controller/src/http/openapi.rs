//! The API's description, made from the handlers that are routed. `web/src/api/openapi.json` is its checked-in copy.

use std::{collections::BTreeMap, sync::LazyLock};

use anteroom_protocol::{problem::Problem, session::QueuePlace, signaling::Side};
use axum::{
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use utoipa::{
    IntoResponses, PartialSchema as _, ToSchema as _,
    openapi::{
        ContentBuilder, InfoBuilder, OpenApi, Ref, RefOr, ResponseBuilder,
        response::Response as Described,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
        tag::TagBuilder,
    },
};

/// Every call may be answered by a problem document.
pub(crate) struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        let schema = Ref::from_schema_name(Problem::name());
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new()
            .description("A problem document (RFC 9457).")
            .content("application/problem+json", content)
            .build();
        BTreeMap::from([("default".to_owned(), RefOr::T(response))])
    }
}

/// The whole description: the person's calls and the guest's, told apart by their tags.
#[must_use]
pub fn description() -> OpenApi {
    let mut all = super::person_calls().into_openapi();
    all.merge(super::guest_calls().into_openapi());
    all.info = InfoBuilder::new()
        .title("Anteroom")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Sign in to command-line tools in a disposable machine. Calls with the tag `person` are served on the \
             person's listener, those with the tag `guest` on the guest's.",
        ))
        .build();
    all.tags = Some(vec![
        TagBuilder::new().name("person").description(Some("The owner's cookie or token opens these.")).build(),
        TagBuilder::new()
            .name("guest")
            .description(Some("A machine's token opens these, for its own session."))
            .build(),
    ]);
    let components = all.components.get_or_insert_with(Default::default);
    // Named by parameters and by `Problems` only, which bring no schemas along.
    let mut parts = vec![
        (Problem::name().into_owned(), Problem::schema()),
        (Side::name().into_owned(), Side::schema()),
        (QueuePlace::name().into_owned(), QueuePlace::schema()),
    ];
    Problem::schemas(&mut parts);
    components.schemas.extend(parts);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("anteroom"))));
    all
}

/// The description as text, with a line end: what `anteroom openapi` prints and the repository keeps.
#[must_use]
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&description()).expect("a description has text keys only");
    text.push('\n');
    text
}

/// `GET /api/openapi.json`.
pub(crate) async fn document() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(text);
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], TEXT.as_str()).into_response()
}
