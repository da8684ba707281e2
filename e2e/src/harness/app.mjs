// Where things are in the product's page, by their roles and names, as a person or a screen reader finds them; a card
// and a result by the marks that the page gives them.
import { until } from './wait.mjs';

const PAGE_MS = 15_000;
/** The provider's card. */
export const card = (page, provider) => page.locator(`[data-provider="${provider}"]`);

/** Clicks Connect (or Reconnect) on a provider's card, or this method among its other ways; gives the session's id. */
export function connect(page, provider, method) {
  return started(page, () => (method ? choose(page, provider, method) : click(page, provider)));
}

const click = (page, provider) => card(page, provider).getByRole('button', { name: /^(Connect|Reconnect)/ }).click({ timeout: PAGE_MS });

/** A card with one method has no others. */
async function choose(page, provider, method) {
  await card(page, provider).getByRole('button', { name: /^(Connect|Reconnect)/ }).waitFor({ timeout: PAGE_MS });
  const others = card(page, provider).getByRole('button', { name: /^Other ways to sign in/ });
  if (await others.count() === 0) return click(page, provider);
  await others.click({ timeout: PAGE_MS });
  return card(page, provider).locator(`[role=menuitem][data-method=${method}]`).click({ timeout: PAGE_MS });
}

/** The id of the session that an act on the page starts. */
export async function started(page, act) {
  const answered = page.waitForResponse((response) => new URL(response.url()).pathname === '/api/vm/auth', { timeout: PAGE_MS });
  await act();
  const response = await answered;
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
