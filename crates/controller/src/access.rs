//! Who a person is: links that work once, cookies and commands' tokens that work until they expire. The store has digests only.

use anteroom_protocol::{UserId, access::Scopes};
use anteroom_store::AccessRow;

use crate::{Controller, Error, Ports, Token, ports::random, tokens::Visit};

/// How long a link may lie in a terminal before somebody opens it.
pub const LINK_LIFETIME_MS: i64 = 60 * 60 * 1000;
/// How long a browser stays signed in.
pub const COOKIE_LIFETIME_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// How long a command may take to ask the server what it was called for.
pub const COMMAND_LIFETIME_MS: i64 = 60 * 1000;

impl Ports {
    /// A token for a link that signs the owner's browser in, once.
    ///
    /// # Errors
    /// What the store says.
    pub async fn new_link(&self) -> Result<Token, Error> {
        self.give_access(self.owner().await?, LINK_LIFETIME_MS, true).await
    }

    /// A token with which one command of this program asks the server in the owner's name, for so long.
    ///
    /// # Errors
    /// What the store says.
    pub async fn new_command_token(&self, lifetime_ms: i64) -> Result<Token, Error> {
        self.give_access(self.owner().await?, lifetime_ms, false).await
    }

    /// The owner of this installation.
    pub(crate) async fn owner(&self) -> Result<UserId, Error> {
        let candidate = UserId::from_random(random(&*self.entropy));
        Ok(self.store.owner(&candidate, self.clock.now()).await?)
    }

    async fn give_access(&self, user: UserId, lifetime_ms: i64, once: bool) -> Result<Token, Error> {
        let token = Token::new(&*self.entropy);
        let now = self.clock.now();
        let expires_at = now.plus_ms(lifetime_ms);
        self.store.put_access(&AccessRow { digest: token.digest(), user, expires_at, once }, now).await?;
        Ok(token)
    }
}

impl Controller {
    /// Uses a link up; returns the value of the browser's cookie, or `None` when the link opens nothing (any more).
    pub(crate) async fn use_link(&self, link: &Token) -> Result<Option<Token>, Error> {
        match self.store.use_link(&link.digest(), self.now()).await? {
            Some(user) => self.ports().give_access(user, COOKIE_LIFETIME_MS, false).await.map(Some),
            None => Ok(None),
        }
    }

    /// Who a cookie, or a command's token, stands for; they open everything.
    pub(crate) async fn person(&self, token: &Token) -> Result<Option<Visit>, Error> {
        let user = self.store.user_by_access(&token.digest(), self.now()).await?;
        Ok(user.map(|user| Visit { user, scopes: Scopes::all() }))
    }
}
