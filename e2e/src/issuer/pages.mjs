// The issuer's pages. Large and plain on purpose: a test reads them as pixels of a video and uses them by clicks
// and keys alone.
import { css } from './marks.mjs';

const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const STYLE = `
  * { box-sizing: border-box; margin: 0 }
  body { font: 22px sans-serif; padding: 24px 48px; background: #fff; color: #222; height: 100vh; overflow: hidden }
  h1 { font-size: 26px; height: 48px }
  form { display: flex; flex-direction: column; gap: 16px; width: 760px }
  .row { display: flex; gap: 0; height: 64px }
  .row i { width: 64px; flex: none }
  .row b { width: 64px; flex: none }
  .user:focus-within b { background: ${css('userFocus')} }
  .password:focus-within b { background: ${css('passwordFocus')} }
  .row input { font: inherit; flex: 1; padding: 0 16px; border: 2px solid #888 }
  button { font: inherit; border: 0; color: #fff; height: 64px; width: 320px; text-align: left; padding-left: 200px }
  .banner { height: 64px; width: 760px; padding: 18px; text-align: right }
  .buttons { display: flex; gap: 40px }
`;

const page = (title, body) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>
<link rel="icon" href="data:,"><style>${STYLE}</style><h1>${escape(title)}</h1>${body}</html>`;

// The mark at its left says where it is, the one at its right that it takes the keys.
const field = (mark, name, type, extra) =>
  `<label class="row ${name}"><i style="background:${css(mark)}"></i><input name="${name}" type="${type}" placeholder="${name}" autocomplete="off" ${extra}><b></b></label>`;

/** Asks who it is. `wrong` says that it was asked before. */
export function loginPage(host, uid, wrong) {
  const banner = wrong ? `<p class="banner" style="background:${css('wrongPassword')}">Wrong password</p>` : '';
  return page(`Sign in to ${host}`, `<form method="post" action="/interaction/${uid}/login">${banner}
    ${field('userField', 'user', 'text', 'autofocus')}
    ${field('passwordField', 'password', 'password', '')}
    <button style="background:${css('submit')}">Sign in</button></form>`);
}

/** Asks whether the CLI may have what it wants. */
export function consentPage(client, uid) {
  return page(`Allow ${client}?`, `<form method="post" action="/interaction/${uid}/consent"><div class="buttons">
    <button name="answer" value="allow" style="background:${css('consent')}" autofocus>Allow</button>
    <button name="answer" value="deny" style="background:${css('deny')}">Deny</button></div></form>`);
}

/** The last page of a CLI that sends the browser to its vendor's site. */
export const endPage = (words) => page(words, `<p class="banner" style="background:${css('end')}"></p>`);
