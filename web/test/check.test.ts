//! The connection's page, in a browser that really tries.

import { createHash, createHmac } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { type AddressInfo, createServer } from "node:net";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { close, type Desk, launch, open } from "./harness";

/** The relays' time-out and some. */
const CHECKED_MS = 12_000;

let browser: Browser;
let desk: Desk;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
beforeEach(async () => {
  desk = await open(browser);
});
afterEach(async () => {
  expect(desk.complaints).toEqual([]);
  await close(desk);
});

async function check(): Promise<string> {
  await desk.page.getByRole("link", { name: "Connection", exact: true }).click();
  return verdict(desk.page);
}

async function verdict(page: Page): Promise<string> {
  const panel = page.locator('[data-verdict]:not([data-verdict="trying"])');
  await panel.waitFor({ timeout: CHECKED_MS });
  return (await panel.getAttribute("data-verdict")) ?? "";
}

const way = (name: string) => desk.page.locator(`[data-way="${name}"]`).getAttribute("data-state");

/** The parts of STUN that a relay's first two answers need (RFC 8489, RFC 8656). */
const MAGIC = Buffer.from("2112a442", "hex");
const NONCE = Buffer.from("nonce-of-the-test");
const ALLOCATE = 0x0003;
const ALLOCATE_ERROR = 0x0113;
const attribute = (type: number, value: Buffer) => {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
};
const header = (request: Buffer, length: number) => {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(ALLOCATE_ERROR, 0);
  head.writeUInt16BE(length, 2);
  return Buffer.concat([head, request.subarray(4, 20)]);
};
const errorResponse = (request: Buffer, attributes: Buffer[]) => {
  const body = Buffer.concat(attributes);
  return Buffer.concat([header(request, body.length), body]);
};
/** With MESSAGE-INTEGRITY: browsers take no other answer to a request that had it. */
const authenticError = (request: Buffer, attributes: Buffer[]) => {
  const body = Buffer.concat(attributes);
  const key = createHash("md5").update("1:t:test:c").digest();
  const signed = Buffer.concat([header(request, body.length + 24), body]);
  const integrity = attribute(0x0008, createHmac("sha1", key).update(signed).digest());
  return Buffer.concat([signed, integrity]);
};

/** A relay that refuses every allocation, after it was asked with credentials, with a code. */
async function refusingRelay(code: number, text: string): Promise<{ socket: Socket; port: number }> {
  const socket = createSocket("udp4");
  const error = (number: number, words: string) =>
    attribute(
      0x0009,
      Buffer.concat([Buffer.from([0, 0, Math.floor(number / 100), number % 100]), Buffer.from(words)]),
    );
  socket.on("message", (request, from) => {
    if (request.length < 20 || !request.subarray(4, 8).equals(MAGIC) || request.readUInt16BE(0) !== ALLOCATE)
      return;
    const challenge = [
      error(401, "Unauthorized"),
      attribute(0x0014, Buffer.from("test")),
      attribute(0x0015, NONCE),
    ];
    const answer = request.includes(NONCE)
      ? authenticError(request, [error(code, text)])
      : errorResponse(request, challenge);
    socket.send(answer, from.port, from.address);
  });
  await new Promise<void>((done) => socket.bind(0, "127.0.0.1", done));
  return { socket, port: socket.address().port };
}

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

const relays = (...urls: string[]) => ({ iceServers: [{ urls, username: "1:t", credential: "c" }] });

describe("the connection's page", () => {
  it("is good on the server's own computer without a relay, and says what others need", async () => {
    expect(await check()).toBe("ok");
    await desk.page.getByText("This browser is on the server's own computer and needs none").waitFor();
    expect(await way("Server")).toBe("works");
    expect(await way("News from the server")).toBe("works");
  });

  it("finds a relay that does not answer, and names the port", async () => {
    const port = await freePort();
    desk.mock.relays = relays(`turn:127.0.0.1:${port}?transport=udp`, `turn:127.0.0.1:${port}?transport=tcp`);
    expect(await check()).toBe("warning");
    await desk.page
      .getByText(`No relay can be reached: UDP port ${port} and TCP port ${port} are blocked`)
      .waitFor();
    expect(await way("Relay by UDP, IPv4")).toBe("silent");
    expect(await way("Relay by TCP, IPv4")).toBe("silent");
  });

  it("finds a relay that refuses, and says with what words", async () => {
    const { socket, port } = await refusingRelay(486, "Allocation Quota Reached");
    desk.mock.relays = relays(`turn:127.0.0.1:${port}?transport=udp`);
    expect(await check()).toBe("warning");
    await desk.page.getByText("refuses this browser: all its places are taken (486)").waitFor();
    expect(await way("Relay by UDP, IPv4")).toBe("refused");
    socket.close();
  });

  it("finds a proxy that holds the stream back", async () => {
    desk.mock.holdsStreamsBack = true;
    expect(await check()).toBe("warning");
    await desk.page.getByText("holds the event stream back").waitFor();
  });

  it("takes the server's own findings up", async () => {
    desk.mock.connection = {
      relay: "embedded",
      urls: [],
      findings: [{ level: "error", what: "The relay's port 3478 is taken.", remedy: "Stop what has it." }],
    };
    expect(await check()).toBe("error");
    await desk.page.getByText("The relay's port 3478 is taken.").waitFor();
  });

  it("checks again when it is told to, is reached by its address, and goes back by the brand", async () => {
    await desk.page.goto(`${desk.mock.origin}/#/connection`);
    await desk.page.reload();
    expect(await verdict(desk.page)).toBe("ok");
    desk.mock.relays = undefined;
    await desk.page.getByRole("button", { name: "Check again" }).press("Enter");
    await desk.page.locator('[data-verdict="warning"]').waitFor({ timeout: CHECKED_MS });
    await desk.page.getByText("did not say which relays there are").waitFor();
    await desk.page.getByRole("link", { name: "Anteroom: connections" }).press("Enter");
    await desk.page.getByRole("heading", { name: "Connections" }).waitFor();
  });
});
