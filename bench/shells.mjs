// What `anteroom run` adds to the time that its command takes by itself: from its start in a shell on the host to its end there, less
// what the command takes in the machine, where it is measured too. Each finds a machine that waits.
import { homeOf, onHost, Shell } from '../e2e/src/harness/shell.mjs';
import { warm } from './machines.mjs';

/** Prints microseconds of so many starts of a shell that does nothing. */
const STARTS = 20;
const STARTED = `for ((i = 0; i < ${STARTS}; i++)); do begun=$EPOCHREALTIME; bash --norc --noprofile -c true; ended=$EPOCHREALTIME; echo $((\${ended/[.,]/} - \${begun/[.,]/})); done`;
/** Works for some tenths of a second, and prints its microseconds. */
const WORKED = 'begun=$EPOCHREALTIME; for ((i = 0; i < 100000; i++)); do :; done; ended=$EPOCHREALTIME; echo $((${ended/[.,]/} - ${begun/[.,]/}))';

/** Runs a script on a machine that waits; gives milliseconds from start to end here, and those that it has printed. */
async function runThere(world, script, used) {
  const machine = await warm(world, used);
  used.push(machine);
  const processes = world.remains.processesOf(machine);
  const home = homeOf(world);
  const begun = performance.now();
  const shell = Shell.start(home, ...onHost(world, ['run', 'shell', '--', '-c', script]));
  const code = await shell.ended();
  const took = performance.now() - begun;
  if (code !== 0) throw new Error(`anteroom run ended with ${code}: ${shell.said}`);
  await world.remains.gone(machine, processes);
  return { took, printed: shell.printed.trim().split('\n').filter(Boolean).map((micros) => Number(micros) / 1000) };
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/** Milliseconds that each of so many runs was longer here than its command was there: one that does nothing, and one that works. */
export async function added(world, count) {
  const used = [];
  const { printed } = await runThere(world, STARTED, used);
  const start = median(printed);
  const idle = [];
  const busy = [];
  for (let round = 0; round < count; round += 1) {
    idle.push((await runThere(world, 'true', used)).took - start);
    const { took, printed: [worked] } = await runThere(world, WORKED, used);
    busy.push(took - start - worked);
  }
  return { idle, busy };
}
