import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { xtermChanges } from "./xterm-changes";

// What is built must pass `default-src 'self'`: nothing inline, no data: URLs.
export default defineConfig({
  plugins: [react(), xtermChanges()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: {
    port: 5173,
    strictPort: true,
    proxy: { "/api": { target: "http://127.0.0.1:4000", changeOrigin: true, ws: true } },
  },
});
