import { describe, expect, it } from "vitest";
import { sdpFragment } from "./sdpfrag";

const offer = [
  "v=0",
  "o=- 1 2 IN IP4 127.0.0.1",
  "s=-",
  "t=0 0",
  "a=group:BUNDLE 0",
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
  "c=IN IP4 0.0.0.0",
  "a=ice-ufrag:EsAw",
  "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1",
  "a=mid:0",
  "",
].join("\r\n");

describe("an SDP fragment", () => {
  it("has the offer's credentials, its media section and the candidates, in this order", () => {
    const line = "candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host";
    expect(sdpFragment(offer, [{ candidate: line }, { candidate: "" }])).toBe(
      [
        "a=ice-ufrag:EsAw",
        "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
        "a=mid:0",
        `a=${line}`,
        "a=end-of-candidates",
        "",
      ].join("\r\n"),
    );
  });
});
