//! What a token opens.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One part of what a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// See what is connected and what runs. Every other scope has it too.
    Read,
    /// Sign in, and see a sign-in's desktop.
    Connect,
    /// Open runs, type in them, stop them, and have credentials checked.
    Run,
    /// Forget credentials and go back to earlier ones, and have tokens, machines and hosts.
    Manage,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Connect, Self::Run, Self::Manage];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Connect => "connect",
            Self::Run => "run",
            Self::Manage => "manage",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope is read, connect, run or manage")]
pub struct NoScope;

impl FromStr for Scope {
    type Err = NoScope;

    fn from_str(word: &str) -> Result<Self, NoScope> {
        Self::ALL.into_iter().find(|scope| scope.word() == word).ok_or(NoScope)
    }
}

/// What a token opens: some scopes, at least one of a token that is of use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Whether this opens what needs the scope.
    #[must_use]
    pub fn allow(&self, scope: Scope) -> bool {
        self.0.contains(&scope) || (scope == Scope::Read && !self.0.is_empty())
    }

    /// Whether the others open nothing that this does not.
    #[must_use]
    pub fn cover(&self, others: &Self) -> bool {
        others.0.iter().all(|scope| self.allow(*scope))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Scopes {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        <Vec<Scope> as utoipa::PartialSchema>::schema()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Scopes {
    fn name() -> std::borrow::Cow<'static, str> {
        std::borrow::Cow::Borrowed("Scopes")
    }

    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>) {
        schemas.push((Scope::name().into_owned(), <Scope as utoipa::PartialSchema>::schema()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_opens_itself_and_reading_and_nothing_else() {
        for own in Scope::ALL {
            let scopes: Scopes = [own].into_iter().collect();
            for asked in Scope::ALL {
                assert_eq!(scopes.allow(asked), asked == own || asked == Scope::Read, "{own} for {asked}");
            }
            assert!(Scopes::all().cover(&scopes));
            assert_eq!(own.word().parse(), Ok(own));
        }
        let none = Scopes::default();
        assert!(none.is_empty() && !none.allow(Scope::Read) && Scopes::default().cover(&none));
        let run: Scopes = [Scope::Run].into_iter().collect();
        assert!(run.cover(&[Scope::Read].into_iter().collect()));
        assert!(!run.cover(&Scopes::all()));
        assert_eq!("root".parse::<Scope>(), Err(NoScope));
    }
}
