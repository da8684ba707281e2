// Codex refreshes with a JSON body, and Claude Code asks for all its tokens with one; RFC 6749 (sections 4.1.3 and 6) and so
// the certified provider take a form. The real vendors take JSON. Only the notation is changed here.

import { readBody } from './forms.mjs';

/** Reads a JSON token request and puts the same request as a form in its place. */
export async function jsonToForm(request) {
  if (request.method !== 'POST' || !(request.headers['content-type'] ?? '').startsWith('application/json')) return;
  const fields = Object.entries(JSON.parse(await readBody(request))).filter(([name]) => name !== 'refresh_reason');
  request.headers['content-type'] = 'application/x-www-form-urlencoded';
  request.body = new URLSearchParams(fields).toString();
}
