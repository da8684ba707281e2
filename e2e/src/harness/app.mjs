// Where things are in the product's page, by their roles and names, as a person or a screen reader finds them; a card
// and a result by the marks that the page gives them.
import { until } from './wait.mjs';

const PAGE_MS = 15_000;
/** The provider's card. */
export const card = (page, provider) => page.locator(`[data-provider="${provider}"]`);

/** Clicks Connect (or Reconnect) on a provider's card; gives the session's id. */
export async function connect(page, provider) {
  const started = page.waitForResponse((response) => new URL(response.url()).pathname === '/api/vm/auth', { timeout: PAGE_MS });
  await card(page, provider).getByRole('button', { name: /^(Connect|Reconnect)/ }).click({ timeout: PAGE_MS });
  const response = await started;
  if (response.status() !== 201) throw new Error(`Connect was answered with ${response.status()}: ${await response.text()}`);
  return (await response.json()).sessionId;
}

/** Cancels the sign-in, and says yes when asked. */
export async function cancel(page) {
  await page.getByRole('button', { name: /^Cancel$/ }).click({ timeout: PAGE_MS });
  await page.getByRole('button', { name: 'Cancel the sign-in' }).click({ timeout: PAGE_MS });
}

/** Waits for the page's result of a sign-in, e.g. `failed` with `cli-failed`. */
export async function result(page, state, code) {
  const found = page.locator(`[data-result="${state}"]${code ? `[data-reason="${code}"]` : ''}`);
  await found.waitFor({ timeout: PAGE_MS });
  return found.innerText();
}

/** Waits until the page's text has something. */
export const says = (page, pattern, deadlineMs = PAGE_MS) =>
  until(`the page says ${pattern}`, deadlineMs, async () => pattern.test(await page.locator('body').innerText()));
