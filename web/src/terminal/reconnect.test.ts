import { expect, it } from "vitest";
import { closing } from "./reconnect";

it("a run that is over, another's, or of a person who is signed out is not connected again", () => {
  expect(closing(1000, 0)).toEqual({ next: "over", end: "ended" });
  expect(closing(4410, 0)).toEqual({ next: "over", end: "ended" });
  expect(closing(4404, 0)).toEqual({ next: "over", end: "no-such-run" });
  expect(closing(4401, 0)).toEqual({ next: "over", end: "signed-out" });
  expect(closing(4499, 0)).toEqual({ next: "over", end: "refused" });
});

it("anything else is tried again: at once, then less often, never less than every 4 s", () => {
  const pauses = [0, 1, 2, 3, 4, 5, 6, 1000].map((failures) => closing(1006, failures));
  expect(pauses).toEqual(
    [0, 250, 500, 1000, 2000, 4000, 4000, 4000].map((afterMs) => ({ next: "again", afterMs })),
  );
  for (const code of [0, 1001, 1011, 1012, 4500, 4399]) expect(closing(code, 0).next).toBe("again");
});
