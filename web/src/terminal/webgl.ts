//! Whether this browser draws WebGL by a graphics card.

/** Names of processors that play one: Chromium's, Mesa's, and Windows'. */
const PLAYED = /swiftshader|llvmpipe|softpipe|software|basic render/i;

export function hasGraphicsCard(): boolean {
  const gl = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  if (!gl) return false;
  const names = gl.getExtension("WEBGL_debug_renderer_info");
  const renderer: unknown = gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  // A page has few contexts, and this one is for nothing more.
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return isGraphicsCard(String(renderer));
}

export function isGraphicsCard(renderer: string): boolean {
  return !PLAYED.test(renderer);
}
