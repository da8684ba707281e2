// How much of a core a machine uses, and its agent of memory: its processes' time on a CPU in nanoseconds (schedstat), between two looks.
import { readdirSync, readFileSync } from 'node:fs';

/** What is ours in a machine, beside the person's browser and CLI. */
const GUEST = new Set(['anteroom-guest', 'Xvfb', 'openbox']);

function onCpu(pid) {
  let sum = 0;
  try {
    for (const task of readdirSync(`/proc/${pid}/task`)) sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  } catch {
    // the process ended while it was looked at
  }
  return sum;
}

/** Nanoseconds on a CPU, of the guest (agent, X server, window manager) and of the whole machine. */
export function look(processes) {
  const times = processes.map((process) => [process, onCpu(process.pid)]);
  const sum = (list) => list.reduce((total, [, time]) => total + time, 0);
  return { at: process.hrtime.bigint(), guest: sum(times.filter(([{ name }]) => GUEST.has(name.slice(0, 15)))), machine: sum(times) };
}

/** Resident bytes of the agent. */
export function agentMemory(processes) {
  const agent = processes.find(({ name }) => name === 'anteroom-guest');
  return agent ? Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${agent.pid}/status`, 'utf8'))[1]) * 1024 : 0;
}

/** Percent of one core between two looks. */
export function percent(before, after) {
  const elapsed = Number(after.at - before.at);
  return { guest: ((after.guest - before.guest) / elapsed) * 100, machine: ((after.machine - before.machine) / elapsed) * 100 };
}
