import { expect, it } from "vitest";
import { linkOf } from "./link";

it("a link names the host that it leads to, whatever stands before and behind it", () => {
  expect(linkOf("https://github.com/login/device")?.host).toBe("github.com");
  expect(linkOf("https://github.com@a.test:8443/github.com")?.host).toBe("a.test:8443");
  expect(linkOf("https://g\u0456thub.com/")?.host).toBe("xn--gthub-n2e.com");
});

it("what is no page is no link", () => {
  for (const url of ["javascript:alert(1)", "data:text/html,x", "github.com/login", ""])
    expect(linkOf(url)).toBeUndefined();
});
