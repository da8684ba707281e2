import { expect, it } from "vitest";
import { parse } from "./route";

const id = "ses_0123456789abcdefghjkmnpqrs";

it("a session has a fragment for typing and one for seeing, and the connection has one", () => {
  expect(parse(`#/session/${id}`)).toEqual({ at: "session", id, viewOnly: false });
  expect(parse(`#/session/${id}/view`)).toEqual({ at: "session", id, viewOnly: true });
  expect(parse("#/connection")).toEqual({ at: "connection" });
});

it("the machines have a fragment, and each one of them", () => {
  const machine = "mac_0123456789abcdefghjkmnpqrs";
  expect(parse("#/machines")).toEqual({ at: "machines" });
  expect(parse(`#/machines/${machine}`)).toEqual({ at: "machine", id: machine });
});

it("the tokens have a fragment, and no single one has", () => {
  expect(parse("#/tokens")).toEqual({ at: "tokens" });
  expect(parse("#/tokens/tok_0123456789abcdefghjkmnpqrs")).toEqual({ at: "dashboard" });
});

it("a run has a fragment", () => {
  expect(parse("#/run/ses_0123456789abcdefghjkmnpqrs")).toEqual({
    at: "run",
    id: "ses_0123456789abcdefghjkmnpqrs",
  });
});

it("anything else is the dashboard", () => {
  for (const hash of [
    "",
    "#/",
    "#/session/",
    "#/session/ses_x",
    "#/connection/x",
    "#/machines/x",
    `#/machines/${id}`,
    `#/run/${id.replace("ses_", "run_")}`,
    "#/run/",
    `#/session/${id}/../x`,
    `#/session/${id}/views`,
    `#/session/${id.toUpperCase()}`,
  ]) {
    expect(parse(hash)).toEqual({ at: "dashboard" });
  }
});
