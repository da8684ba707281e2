//! The wire's types under the names that the page uses. They come from the controller's OpenAPI document; nothing
//! is declared here a second time.

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
export type Credential = NonNullable<Provider["credential"]>;
/** The run that holds a credential which rotates. */
export type Holder = NonNullable<Credential["holder"]>;
export type TokenView = Schemas["TokenView"];
/** What a token opens. */
export type Scope = TokenView["scopes"][number];
export type NewToken = Schemas["NewToken"];
export type TokenMade = Schemas["TokenMade"];
export type CredentialVersion = Schemas["CredentialVersion"];
