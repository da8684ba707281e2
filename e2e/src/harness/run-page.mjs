// A run's terminal on the product's page, as a person finds its parts, and what it shows.
import { card } from './app.mjs';
import { until } from './wait.mjs';

const PAGE_MS = 30_000;

const view = (page) => page.locator('.run[data-run-state]');

/** Opens a CLI by its card; gives the run's id. */
export async function open(page, provider) {
  const answered = page.waitForResponse((response) => new URL(response.url()).pathname === '/api/runs' && response.request().method() === 'POST', { timeout: PAGE_MS });
  await card(page, provider).getByRole('button', { name: /^Open/ }).click({ timeout: PAGE_MS });
  const response = await answered;
  if (response.status() !== 201) throw new Error(`Open was answered with ${response.status()}: ${await response.text()}`);
  return (await response.json()).runId;
}

/** Waits until the terminal is connected and has drawn its screen. */
export const drawn = (page) => page.locator('.run[data-drawn="true"][data-link="open"]').waitFor({ timeout: PAGE_MS });

/** The lines that are seen, without empty ones at the end. */
export function linesOf(page) {
  return page.locator('.terminal-host').evaluate(({ terminal }) => {
    const { active } = terminal.buffer;
    const lines = Array.from({ length: terminal.rows }, (_, row) => (active.getLine(active.viewportY + row)?.translateToString(true) ?? '').trimEnd());
    while (lines.at(-1) === '') lines.pop();
    return lines;
  });
}

/** Waits until a line is like this. */
export async function shows(page, pattern) {
  let lines = [];
  try {
    await until(`the page's terminal shows ${pattern}`, PAGE_MS, async () => {
      lines = await linesOf(page);
      return lines.some((line) => pattern.test(line));
    });
  } catch (error) {
    throw new Error(`${error.message}; it shows: ${lines.join(' | ')}`, { cause: error });
  }
}

/** Types a line. */
export async function type(page, line) {
  await page.locator('.terminal-host textarea').focus({ timeout: PAGE_MS });
  await page.keyboard.type(line);
  await page.keyboard.press('Enter');
}

/** Columns and rows, as the page has them. */
export async function sizeOf(page) {
  const [columns, rows] = (await view(page).getAttribute('data-size')).split('x').map(Number);
  return { columns, rows };
}

/** Stops the run, and says yes when asked. */
export async function stop(page) {
  await page.getByRole('button', { name: 'Stop', exact: true }).click({ timeout: PAGE_MS });
  await page.getByRole('button', { name: 'Stop the run' }).click({ timeout: PAGE_MS });
}

/** Takes the credential over from the run that has it, when the page asks; gives the new run's id. */
export async function takeOver(page, provider) {
  await card(page, provider).getByRole('button', { name: /^Open/ }).click({ timeout: PAGE_MS });
  const answered = page.waitForResponse((response) => new URL(response.url()).pathname === '/api/runs' && response.status() === 201, { timeout: PAGE_MS });
  await page.getByRole('dialog').getByRole('button', { name: 'Take over' }).click({ timeout: PAGE_MS });
  return (await (await answered).json()).runId;
}

/** Waits until the page says that it ended, with this exit code and for this reason. */
export const ended = (page, { exitCode = 'none', reason = 'exited' } = {}) =>
  page.locator(`[data-run-end="${exitCode}"][data-run-reason="${reason}"]`).first().waitFor({ timeout: PAGE_MS });
