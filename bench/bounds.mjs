// The most that a figure may be: what SPECIFICATION.md promises of it, where it says of which percentile.

/** From a figure's name to its bounds. */
export const MOST = {
  'click_to_first_frame_ms.cold': { p50: 2000 },
  'click_to_first_frame_ms.pool': { p50: 400, p99: 1000 },
  'click_to_first_frame_ms.qemu_clone': { p50: 4000 },
  bind_pooled_machine_ms: { p50: 30 },
  'controller_latency_ms.ten_machines_made': { p99: 50 },
  'input_to_photon_ms.idle': { p50: 35, p95: 50 },
  'input_to_photon_ms.scrolling': { p50: 50, p95: 80 },
  'credential_to_connected_ms.device': { p50: 1500 },
  'credential_to_connected_ms.desktop': { p50: 1500 },
  'open_to_prompt_ms.pool': { p50: 1000 },
  'key_to_echo_ms.drawn': { p50: 15 },
  'flood_frame_ms.lines': { longest: 100 },
  'flood_frame_ms.one_line': { longest: 100 },
  'flood_task_ms.lines': { longest: 100 },
  'flood_task_ms.one_line': { longest: 100 },
  'run_added_ms.idle': { p50: 150 },
  'run_added_ms.busy': { p50: 150 },
  'concurrent_long_polls.wake_up_ms': { p99: 50 },
};

/** The figures, each that has bounds with them and with those that it misses. */
export function judged(figures, bounds = MOST) {
  return Object.fromEntries(Object.entries(figures).map(([name, figure]) => [name, name in bounds ? { ...figure, ...verdict(figure, bounds[name]) } : figure]));
}

/** What was not measured is missed too. */
function verdict(figure, most) {
  return { most, missed: Object.keys(most).filter((share) => !Number.isFinite(figure[share]) || figure[share] > most[share]) };
}

/** In words: `p50 1000, p99 2000 missed`. */
export const words = ({ most = {}, missed = [] }) =>
  Object.entries(most).map(([share, number]) => `${share} ${number}${missed.includes(share) ? ' missed' : ''}`).join(', ');
