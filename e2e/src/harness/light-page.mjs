// A sign-in without a desktop on the product's page, as a person finds its parts.
const PAGE_MS = 30_000;

const link = (page) => page.locator('a[data-sign-in-link]');

/** The link that is to be opened. */
export async function linkOn(page) {
  await link(page).waitFor({ timeout: PAGE_MS });
  return link(page).getAttribute('href');
}

/** Code and link. */
export async function codeOn(page) {
  const code = page.locator('[data-device-code]');
  await code.waitFor({ timeout: PAGE_MS });
  return { code: (await code.innerText()).trim(), url: await linkOn(page) };
}

/** Sends a text, and waits until the server has taken it. */
export async function paste(page, text) {
  const taken = page.waitForResponse((response) => response.url().endsWith('/paste'), { timeout: PAGE_MS });
  await page.getByLabel(/^Paste the code/).fill(text, { timeout: PAGE_MS });
  await page.getByRole('button', { name: 'Send' }).click({ timeout: PAGE_MS });
  const response = await taken;
  if (response.status() !== 204) throw new Error(`the pasted text was answered with ${response.status()}: ${await response.text()}`);
}

/** Goes on in another way. */
export async function another(page, method) {
  await page.getByRole('button', { name: 'Sign in another way' }).click({ timeout: PAGE_MS });
  await page.locator(`[role=menuitem][data-method=${method}]`).click({ timeout: PAGE_MS });
}
