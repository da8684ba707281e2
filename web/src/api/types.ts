//! The wire's types under the names that the page uses. They come from the controller's OpenAPI document; nothing
//! is declared here a second time. What the document does not have yet stands in one block at the end.

import type { components, paths } from "./schema";

type Schemas = components["schemas"];

/** Milliseconds since 1970, by the controller's clock. */
export type UnixMillis = number;
export type Problem = Schemas["Problem"];
export type SessionView = Schemas["SessionView"];
/** How a person signs in. */
export type Method = SessionView["method"];
/** A code, and where it is entered. */
export type DeviceCode = NonNullable<SessionView["deviceCode"]>;
export type SessionState = Schemas["SessionState"];
export type SessionEvent = Schemas["SessionEvent"];
export type Reason = Schemas["Reason"];
export type ReasonCode = Schemas["ReasonCode"];
export type QueuePlace = Schemas["QueuePlace"];
export type HostsView = Schemas["HostsView"];
export type Step = Schemas["Step"];
export type StepReached = Schemas["StepReached"];
export type ConnectionState = Schemas["ConnectionState"];
export type Candidate = Schemas["Candidate"];
export type LoggedCandidate = Schemas["LoggedCandidate"];
export type ConnectionTrouble = Schemas["ConnectionTrouble"];
export type IceServers = Schemas["IceServers"];
export type ConnectionFacts = Schemas["ConnectionFacts"];

type Json<P extends keyof paths> = paths[P] extends {
  get: { responses: { 200: { content: { "application/json": infer Body } } } };
}
  ? Body
  : never;

export type RunView = Json<"/api/runs">["runs"][number];
export type RunState = RunView["state"];
/** Runs end by these, and sign-ins by none of the first four. */
export type RunReasonCode = Extract<
  ReasonCode,
  | "exited"
  | "stopped-by-person"
  | "taken-over"
  | "idle"
  | "stopped-by-administrator"
  | "machine-timeout"
  | "machine-failed"
  | "machine-lost"
  | "agent-timeout"
  | "cli-not-started"
  | "no-capacity"
>;
export type RunEvent = Schemas["RunEvent"];
export type MachineList = Json<"/api/machines">;
export type MachineView = MachineList["machines"][number];
export type MachineState = MachineView["state"];
export type FailedMachine = MachineList["failed"][number];
export type MachineLog = Json<"/api/machines/{id}/logs">;
export type Me = Json<"/api/me">;
export type Provider = Json<"/api/providers">["providers"][number];
export type Credential = NonNullable<Provider["credential"]> & Partial<Coming["CredentialHealth"]>;
/** The run that holds a credential which rotates. */
export type Holder = NonNullable<Credential["holder"]>;
export type TokenView = Coming["TokenView"];
/** What a token opens. */
export type Scope = TokenView["scopes"][number];
export type NewToken = Coming["NewToken"];
export type TokenMade = Coming["TokenMade"];
export type CredentialVersion = Coming["CredentialVersion"];

// Until the document has them. Then everything from here on goes, `Coming` becomes `Schemas` above, `Credential` is what its
// provider has, and the client is made of `paths` alone.

interface Coming {
  TokenView: {
    id: string;
    name: string;
    scopes: ("read" | "connect" | "run" | "manage")[];
    createdAt: UnixMillis;
    expiresAt: UnixMillis;
    lastUsedAt?: UnixMillis | null;
  };
  /** Newest first. */
  Tokens: { tokens: Coming["TokenView"][] };
  NewToken: { name: string; scopes: Coming["TokenView"]["scopes"]; days: number };
  /** The only time that the value is told. */
  TokenMade: { token: string; view: Coming["TokenView"] };
  CredentialVersion: {
    version: number;
    savedAt: UnixMillis;
    account?: string | null;
    from: "sign-in" | "run" | "restore";
    isCurrent: boolean;
  };
  /** Newest first. */
  CredentialVersions: { versions: Coming["CredentialVersion"][] };
  RestoreVersion: { version: number };
  /** Of a `CredentialView`. */
  CredentialHealth: {
    health: "connected" | "expiring" | "needs-sign-in" | null;
    healthDetail: string | null;
    expiresAt: UnixMillis | null;
  };
}

type Answers<Status extends number, Body> = { responses: { [status in Status]: Content<Body> } & Refusals };
type Content<Body> = { content: { "application/json": Body } };
type Refusals = { default: { content: { "application/problem+json": Problem } } };
type OfId = { parameters: { path: { id: string } } };

export interface ComingPaths {
  "/api/tokens": {
    get: Answers<200, Coming["Tokens"]>;
    post: { requestBody: Content<NewToken> } & Answers<201, TokenMade>;
  };
  "/api/tokens/{id}": { delete: OfId & { responses: { 204: { content?: never } } } };
  "/api/credentials/{id}/versions": { get: OfId & Answers<200, Coming["CredentialVersions"]> };
  "/api/credentials/{id}/restore": {
    post: OfId & { requestBody: Content<Coming["RestoreVersion"]> } & Answers<200, Schemas["CredentialView"]>;
  };
}
