// Machines' logs go with their machines; a run keeps what they wrote until then, to search it for secrets and to show
// it when a test fails.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

const LOOK_MS = 200;

export class MachineLogs {
  /** From a file's path to what it held when it was last seen. */
  texts = new Map();

  constructor(directory) {
    this.directory = directory;
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.timer.unref();
  }

  look() {
    for (const file of files(this.directory)) {
      try {
        const text = readFileSync(file, 'utf8');
        if (text.length >= (this.texts.get(file)?.length ?? 0)) this.texts.set(file, text);
      } catch {
        // the machine has just gone
      }
    }
  }

  get all() {
    return [...this.texts.values()].join('\n');
  }

  of(machine) {
    return [...this.texts].filter(([file]) => file.includes(machine)).map(([, text]) => text).join('\n');
  }

  stop() {
    clearInterval(this.timer);
  }
}

/** Plain files of machines' own directories; nothing below a mount of theirs. */
function files(root) {
  try {
    return readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory()).flatMap((entry) => {
      const directory = path.join(root, entry.name);
      return readdirSync(directory).map((name) => path.join(directory, name)).filter((file) => statSync(file).isFile());
    });
  } catch {
    return [];
  }
}
