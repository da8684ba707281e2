//! Builds the page twice before the browser tests: as it ships, and with React's development build, in which
//! StrictMode mounts everything twice (failure 17).

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const web = fileURLToPath(new URL("..", import.meta.url));

export default function build(): void {
  for (const mode of ["production", "development"] as const) {
    execFileSync(
      "node_modules/.bin/vite",
      ["build", "--mode", mode, "--outDir", `test/out/${mode}`, "--logLevel", "error"],
      {
        cwd: web,
        env: { ...process.env, NODE_ENV: mode },
        stdio: "inherit",
      },
    );
  }
}
