// The browser that a person has at home: the issuer's pages as they are, no machine and no desktop. It is for the ways of signing
// in where the person types a code, or brings one back. Every answer is given once: a page that asks again is the end, and its
// words are the error's.
import { Viewer } from './viewer.mjs';

/** For each page; the slowest is the sign-in page of a loaded host. */
const PAGE_MS = 20_000;
const DONE = 'You may close this window';
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

const isCallback = (request) => request.isNavigationRequest() && LOOPBACK.has(new URL(request.url()).hostname);

/** What a page can ask, by what stands on it, and how each is answered. */
const QUESTIONS = [
  { asks: 'input[type=text][name=user_code]', async answer(page, { code }) {
    await page.fill('input[type=text][name=user_code]', code);
    await page.click('button');
  } },
  { asks: 'button[name=abort]', answer: (page, { deny }) => page.click(deny ? 'button[name=abort]' : 'button:not([name])') },
  { asks: 'input[name=password]', async answer(page, { user, password }) {
    await page.fill('input[name=user]', user);
    await page.fill('input[name=password]', password);
    await page.click('button');
  } },
  { asks: 'button[value=allow]', answer: (page, { deny }) => page.click(`button[value=${deny ? 'deny' : 'allow'}]`) },
];

async function questionOf(page) {
  for (const question of QUESTIONS) if (await page.locator(question.asks).count()) return question;
  return undefined;
}

/** Answers what is asked until nothing new is; gives the callback that could not be reached, or nothing. */
async function walk(page, url, answers) {
  const asked = new Set();
  const callback = page.waitForEvent('requestfailed', { predicate: isCallback, timeout: 0 }).then((request) => request.url(), () => undefined);
  const left = async (act) => {
    await page.evaluate(() => { document.documentElement.dataset.answered = 'yes'; });
    await act();
    const next = page.waitForFunction(() => !document.documentElement.dataset.answered && document.readyState === 'complete', undefined, { timeout: PAGE_MS });
    next.catch(() => undefined);
    return Promise.race([callback, next.then(() => undefined)]);
  };
  await page.goto(url, { timeout: PAGE_MS });
  for (let question = await questionOf(page); question && !asked.has(question); question = await questionOf(page)) {
    asked.add(question);
    const reached = await left(() => question.answer(page, answers));
    if (reached) return reached;
  }
  return undefined;
}

const wordsOf = async (page) => (await page.locator('body').innerText()).replace(/\s+/g, ' ').trim();

export class OwnBrowser {
  /** Knows the issuer's names, and takes its certificates as everybody takes the vendors'. */
  static async start(issuer) {
    const own = new OwnBrowser();
    const rules = issuer.hosts.map(({ name, address }) => `MAP ${name} ${address}`).join(',');
    own.viewer = await Viewer.start(undefined, [`--host-resolver-rules=${rules}`]);
    return own;
  }

  /** A profile without cookies for each sign-in. `read` is asked on the last page. */
  async #visit({ url, ...answers }, read) {
    const context = await this.viewer.browser.newContext({ ignoreHTTPSErrors: true });
    try {
      const page = await context.newPage();
      return await read(page, await walk(page, url, answers));
    } finally {
      await context.close();
    }
  }

  #visitUntil(wanted, how) {
    return this.#visit(how, async (page) => {
      const words = await wordsOf(page);
      if (!words.includes(wanted)) throw new Error(`the page at ${page.url().split('?')[0]} says: ${words}`);
      return words;
    });
  }

  /** Types the code at the page of `url`, signs in and allows. */
  approveDevice({ url, code, user, password }) {
    return this.#visitUntil(DONE, { url, code, user, password });
  }

  /** Types the code and says no where that is asked first. */
  denyDevice({ url, code, user, password }) {
    return this.#visitUntil('denied', { url, code, user, password, deny: true });
  }

  /** Signs in and allows; gives the text that is to be pasted. With `deny` it says no, and there is none. */
  signInAndReadCode(how) {
    return this.#visit(how, async (page) => {
      if (!await page.locator('#code').count()) throw new Error(`no code is shown; the page at ${page.url().split('?')[0]} says: ${await wordsOf(page)}`);
      return page.locator('#code').innerText();
    });
  }

  /** Signs in and allows, or with `deny` says no; gives the address of the page that this browser could not reach. */
  signInAndReadRedirect(how) {
    return this.#visit(how, async (page, callback) => {
      if (!callback) throw new Error(`no callback was asked for; the page at ${page.url().split('?')[0]} says: ${await wordsOf(page)}`);
      return callback;
    });
  }

  stop() {
    return this.viewer.stop();
  }
}
