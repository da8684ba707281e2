import { expect, it } from "vitest";
import { offered } from "./clipboard";

const coded = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

it("a program may put a text into the clipboard", () => {
  expect(offered(`c;${coded("grün")}`)).toBe("grün");
  expect(offered(`;${coded("x")}`)).toBe("x");
  expect(offered(`pc;${coded("x")}`)).toBe("x");
});

it("a program that asks for the clipboard, or sends nonsense, gets nothing", () => {
  for (const data of ["c;?", "c;", "c", "", "c;*", "p;eA==", "c;eA==;eA==", `c;${btoa("\xff\xfe")}`])
    expect(offered(data), data).toBeUndefined();
});

it("a text above 1 MiB is not put there", () => {
  expect(offered(`c;${"A".repeat(1_400_000)}`)).toBeUndefined();
});
