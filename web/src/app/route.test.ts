import { expect, it } from "vitest";
import { parse } from "./route";

it("a session's fragment is its session, and anything else the dashboard", () => {
  const id = "ses_0123456789abcdefghjkmnpqrs";
  expect(parse(`#/session/${id}`)).toEqual({ at: "session", id });
  for (const hash of [
    "",
    "#/",
    "#/session/",
    "#/session/ses_x",
    `#/session/${id}/../x`,
    `#/session/${id.toUpperCase()}`,
  ]) {
    expect(parse(hash)).toEqual({ at: "dashboard" });
  }
});
