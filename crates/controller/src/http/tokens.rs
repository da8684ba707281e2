//! A person's calls with personal tokens.

use std::sync::Arc;

use axum::{Json as Body, extract::State, http::StatusCode};
use serde::Serialize;

use super::{
    extract::{Json, OfToken},
    gate::{Person, Visiting},
    openapi::Problems,
    problems::Answer,
};
use crate::{Controller, NewToken, TokenMade, TokenView};

type Use = State<Arc<Controller>>;

/// A person's tokens.
#[derive(Serialize, utoipa::ToSchema)]
pub(crate) struct Tokens {
    /// The newest first; those that have expired are left out.
    tokens: Vec<TokenView>,
}

/// The person's tokens, without their values.
#[utoipa::path(get, path = "/api/tokens", tag = "person", responses((status = 200, description = "All of them.", body = Tokens), Problems))]
pub(crate) async fn list_tokens(State(controller): Use, Person(user): Person) -> Answer<Body<Tokens>> {
    Ok(Body(Tokens { tokens: controller.tokens(&user).await? }))
}

/// Makes a token. Its value is told this once.
#[utoipa::path(
    post, path = "/api/tokens", tag = "person", request_body = NewToken,
    responses((status = 201, description = "It is stored.", body = TokenMade), Problems)
)]
pub(crate) async fn make_token(
    State(controller): Use,
    Visiting(visit): Visiting,
    Json(wanted): Json<NewToken>,
) -> Answer<(StatusCode, Body<TokenMade>)> {
    Ok((StatusCode::CREATED, Body(controller.make_token(&visit, wanted).await?)))
}

/// Revokes a token.
#[utoipa::path(
    delete, path = "/api/tokens/{id}", tag = "person", params(("id" = String, Path)),
    responses((status = 204, description = "It opens nothing from now on."), Problems)
)]
pub(crate) async fn revoke_token(
    State(controller): Use,
    Person(user): Person,
    OfToken(id): OfToken,
) -> Answer<StatusCode> {
    controller.revoke_token(&user, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
