// Device codes: the provider's pages for them (RFC 8628, 3.3). The provider finds the code, asks who
// it is by the same pages as for every sign-in, and refuses what is wrong, used or expired.
import { codePage, codeConfirmPage, endPage } from './pages.mjs';

/** Why a code is asked for again, in a person's words. */
function refusal(error) {
  const words = { ExpiredError: 'This code has expired', AlreadyUsedError: 'This code was used before', AbortedError: 'The request was denied' };
  return error && (words[error.name] ?? 'Wrong code');
}

const secretOf = (form) => /name="xsrf" value="([^"]+)"/.exec(form)[1];

/** The provider's settings. */
export function deviceFlow(enabled) {
  return {
    enabled,
    userCodeInputSource(ctx, form, _out, error) {
      ctx.body = codePage(ctx.oidc.issuer, ctx.oidc.urlFor('code_verification'), { xsrf: secretOf(form) }, refusal(error));
    },
    userCodeConfirmSource(ctx, form, client, _device, code) {
      ctx.body = codeConfirmPage(client.clientName, ctx.oidc.urlFor('code_verification'), { xsrf: secretOf(form), user_code: code, confirm: 'yes' }, code);
    },
    successSource(ctx) {
      ctx.body = endPage('You may close this window');
    },
  };
}
