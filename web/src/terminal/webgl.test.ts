import { expect, it } from "vitest";
import { isGraphicsCard } from "./webgl";

it("a processor that plays a graphics card is told by its name", () => {
  const played = [
    "ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero) (0x0000C0DE)), SwiftShader driver)",
    "Google SwiftShader",
    "llvmpipe (LLVM 15.0.6, 256 bits)",
    "ANGLE (Microsoft, Microsoft Basic Render Driver Direct3D11 vs_5_0 ps_5_0)",
  ];
  const cards = [
    "ANGLE (Intel, Mesa Intel(R) UHD Graphics 620 (KBL GT2), OpenGL 4.6)",
    "Apple GPU",
    "Mali-G78",
  ];
  expect(played.map(isGraphicsCard)).toEqual([false, false, false, false]);
  expect(cards.map(isGraphicsCard)).toEqual([true, true, true]);
});
