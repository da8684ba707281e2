// The same with virtual machines, emulated where the host can't run guests (`ACCEL=kvm` for one that can).
import { lightTree } from './harness/light.mjs';
import { survivesKills } from './scenarios/crash.mjs';

const KILLS = Number(process.env.KILLS ?? 60);
const SMALL = { 'limits.memory_mb': 256, 'limits.pids': 64, 'limits.cpu_percent': 100, 'limits.disk_mb': 32 };

// Cloning one takes most of a second when it is emulated.
survivesKills(', with virtual machines', { kills: KILLS, latestMs: 1500, driver: { image: lightTree(), driver: 'qemu', accelerator: process.env.ACCEL ?? 'tcg', ...SMALL } });
