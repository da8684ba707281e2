//! Personal tokens: what programs show in place of a person. Each has a name, opens some scopes, expires, and can be revoked.
//! Its value is told once; the store has a digest.

use anteroom_protocol::{TokenId, UnixMillis, UserId, access::Scopes};
use anteroom_store::TokenRow;
use serde::{Deserialize, Serialize};

use crate::{Controller, Error, Ports, Token, error::Noun, ports::random};

/// More than anybody keeps apart.
const MAX_TOKENS: u32 = 50;
/// The longest name, characters.
const MAX_NAME_CHARS: usize = 64;
/// The longest life, days.
pub const MAX_TOKEN_DAYS: u32 = 365;
/// How exactly its last use is known: each noting is a write.
const USE_NOTED_MS: i64 = 60 * 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A personal token that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewToken {
    /// What its owner calls it; 1 to 64 characters.
    pub name: String,
    /// What it opens; at least one.
    pub scopes: Scopes,
    /// How long it works, 1 to 365 days.
    pub days: u32,
}

/// A personal token for its owner, without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// Its id.
    pub id: TokenId,
    /// What its owner calls it.
    pub name: String,
    /// What it opens.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it stops working.
    pub expires_at: UnixMillis,
    /// When it was used last, to the minute or so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<UnixMillis>,
}

/// A personal token, the only time that its value is told.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TokenMade {
    /// The value.
    pub token: String,
    /// What its owner sees of it from now on.
    pub view: TokenView,
}

/// Who calls, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Visit {
    pub(crate) user: UserId,
    pub(crate) scopes: Scopes,
}

impl Ports {
    /// A personal token of the owner's.
    ///
    /// # Errors
    /// What can't be one, or too many.
    pub async fn new_token(&self, wanted: NewToken) -> Result<Token, Error> {
        let owner = self.owner().await?;
        Ok(self.make_token(owner, wanted).await?.0)
    }

    async fn make_token(&self, user: UserId, wanted: NewToken) -> Result<(Token, TokenRow), Error> {
        check(&wanted)?;
        let (token, now) = (Token::new(&*self.entropy), self.clock.now());
        let row = TokenRow {
            id: TokenId::from_random(random(&*self.entropy)),
            digest: token.digest(),
            user,
            name: wanted.name.trim().to_owned(),
            scopes: wanted.scopes,
            created_at: now,
            expires_at: now.plus_ms(i64::from(wanted.days) * DAY_MS),
            last_used_at: None,
        };
        if self.store.put_token(&row, MAX_TOKENS).await? {
            Ok((token, row))
        } else {
            Err(Error::TooManyTokens(MAX_TOKENS))
        }
    }
}

impl Controller {
    /// The person's tokens, the newest first.
    ///
    /// # Errors
    /// What the store says.
    pub async fn tokens(&self, user: &UserId) -> Result<Vec<TokenView>, Error> {
        Ok(self.store.tokens_of(user, self.now()).await?.into_iter().map(view).collect())
    }

    /// Makes a token that opens no more than what makes it.
    ///
    /// # Errors
    /// It can't be one, there are too many, or it would open more.
    pub(crate) async fn make_token(&self, visit: &Visit, wanted: NewToken) -> Result<TokenMade, Error> {
        if !visit.scopes.cover(&wanted.scopes) {
            return Err(invalid("scopes", "must be among those of the token that makes it"));
        }
        let (token, row) = self.ports().make_token(visit.user.clone(), wanted).await?;
        Ok(TokenMade { token: token.expose().to_owned(), view: view(row) })
    }

    /// Revokes a token: it opens nothing from now on.
    ///
    /// # Errors
    /// There is none of theirs.
    pub async fn revoke_token(&self, user: &UserId, id: &TokenId) -> Result<(), Error> {
        if self.store.remove_token(user, id).await? { Ok(()) } else { Err(Error::NotFound(Noun::Token)) }
    }

    /// Whose token a program shows, and what it opens.
    pub(crate) async fn program(&self, token: &Token) -> Result<Option<Visit>, Error> {
        let now = self.now();
        let Some(row) = self.store.token(&token.digest(), now).await? else { return Ok(None) };
        if row.last_used_at.is_none_or(|used| now.since(used) >= USE_NOTED_MS) {
            self.store.token_used(&row.id, now).await?;
        }
        Ok(Some(Visit { user: row.user, scopes: row.scopes }))
    }
}

fn view(row: TokenRow) -> TokenView {
    let TokenRow { id, name, scopes, created_at, expires_at, last_used_at, .. } = row;
    TokenView { id, name, scopes, created_at, expires_at, last_used_at }
}

fn invalid(field: &str, problem: &str) -> Error {
    Error::Invalid { field: field.to_owned(), problem: problem.to_owned() }
}

fn check(wanted: &NewToken) -> Result<(), Error> {
    let name = wanted.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        Err(invalid("name", &format!("must be 1 to {MAX_NAME_CHARS} characters in one line")))
    } else if wanted.scopes.is_empty() {
        Err(invalid("scopes", "must name at least one"))
    } else if !(1..=MAX_TOKEN_DAYS).contains(&wanted.days) {
        Err(invalid("days", &format!("must be 1 to {MAX_TOKEN_DAYS}")))
    } else {
        Ok(())
    }
}
