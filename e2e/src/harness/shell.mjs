// A command of the program in a person's shell, or a script in its place: what it says is read as it comes, lines are typed, Ctrl-C
// is pressed.
import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { binary } from './controller.mjs';
import { giveToUser, USER } from './machined.mjs';
import { until } from './wait.mjs';

const SAYS_MS = 30_000;

/** A home directory of the user that the server runs as. */
export function homeOf(world, name = 'home') {
  const home = path.join(world.directory, name);
  mkdirSync(home, { recursive: true });
  giveToUser(home);
  return home;
}

/** A command about a provider, asked on the server's own host, without a login. */
export const onHost = (world, [command, provider, ...words]) => [command, provider, '--user', USER, '--config', world.controller.config, ...words];

export class Shell {
  said = '';
  printed = '';
  #news = new EventEmitter();

  /** Starts `anteroom` with these words; `home` is where it keeps what it keeps. */
  static start(home, ...words) {
    return Shell.#spawn(home, binary(), words);
  }

  /** The same on the server's own host. */
  static here(world, ...words) {
    return Shell.start(homeOf(world), ...onHost(world, words));
  }

  /** The same on a terminal of its own, of 30 rows and 100 columns: what it shows is what is printed. */
  static startOnTerminal(home, ...words) {
    const quoted = [binary(), ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    return Shell.#spawn(home, 'script', ['--quiet', '--return', '--flush', '--command', `stty rows 30 columns 100; exec ${quoted}`, path.join(home, 'typescript')]);
  }

  /** A script in Python, with these words and settings of its environment. */
  static startPython(home, script, words, settings) {
    return Shell.#spawn(home, '/usr/bin/python3', [script, ...words], settings);
  }

  static #spawn(home, program, words, settings = {}) {
    const shell = new Shell();
    const env = { PATH: process.env.PATH, HOME: home, XDG_CONFIG_HOME: home, LANG: 'C.UTF-8', TERM: 'xterm-256color', SHELL: '/bin/sh', ...settings };
    shell.process = spawn(program, words, { stdio: 'pipe', env });
    const hear = (name) => (text) => {
      shell[name] += text;
      shell.#news.emit('news');
    };
    shell.process.stderr.setEncoding('utf8').on('data', hear('said'));
    shell.process.stdout.setEncoding('utf8').on('data', hear('printed'));
    shell.process.once('exit', (code) => {
      shell.code = code;
      shell.#news.emit('news');
    });
    return shell;
  }

  /** Waits until it says something; gives the first group. */
  says(pattern) {
    return until(`the command says ${pattern}`, SAYS_MS, () => {
      const found = pattern.exec(this.said);
      if (!found && this.code !== undefined) throw new Error(`the command ended with ${this.code}: ${this.said}`);
      return found && (found[1] ?? found[0]);
    }, this.#news, 'news');
  }

  /** Waits until it prints something. */
  prints(pattern) {
    return until(`the command prints ${pattern}`, SAYS_MS, () => {
      if (!pattern.test(this.printed) && this.code !== undefined) throw new Error(`the command ended with ${this.code}: ${this.said}`);
      return pattern.test(this.printed);
    }, this.#news, 'news');
  }

  /** Types a line. */
  type(line) {
    this.process.stdin.write(`${line}\n`);
  }

  /** Presses keys. */
  press(keys) {
    this.process.stdin.write(keys);
  }

  /** Presses Ctrl-C. */
  interrupt() {
    this.process.kill('SIGINT');
  }

  /** Waits for its end; gives its exit code. */
  async ended() {
    await until('the command ended', SAYS_MS, () => this.code !== undefined, this.#news, 'news');
    return this.code;
  }
}
