// People who exist for the tests alone. The passwords are typed through the desktop and must never be seen in a log.

/** @type {Record<string, {password: string, email: string, name: string}>} */
export const ACCOUNTS = {
  ada: { password: 'Analytical-Engine/1843', email: 'ada@example.test', name: 'Ada' },
  // Each letter is another key or another level on a German keyboard than on the machine's.
  konrad: { password: 'Zähl/Werk@Größe=5€ yÄ', email: 'konrad@example.test', name: 'Konrad' },
  grace: { password: 'Nanoseconds-11.8-inches', email: 'grace@example.test', name: 'Grace' },
};

/** Whether the password is this person's. */
export function passwordIsRight(user, password) {
  return Object.hasOwn(ACCOUNTS, user) && ACCOUNTS[user].password === password;
}

/** What tokens say of a person. The long names are what the CLIs look for. */
export function claimsOf(user) {
  const { email, name } = ACCOUNTS[user];
  return {
    sub: user,
    email,
    email_verified: true,
    name,
    'https://api.openai.com/auth': {
      chatgpt_account_id: `account-of-${user}`,
      chatgpt_plan_type: 'plus',
      organization_id: `organization-of-${user}`,
      project_id: `project-of-${user}`,
      completed_platform_onboarding: true,
    },
  };
}
