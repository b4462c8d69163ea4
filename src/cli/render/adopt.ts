/** What is adopted, for people and programs. */
import { plural } from '../../api/plural.ts';
import { toYaml } from '../../api/yaml.ts';
import { describeTarget } from '../../domain/desired.ts';
import type { AdoptionReport, AdoptionReports } from '../adopt.ts';
import { paint } from '../terminal.ts';
import type { Format } from './plan.ts';
import { problemLine, problemLines } from './problems.ts';
import { markdownTable, markdownText } from './table.ts';

/** @param done whether it was carried out, or is only shown */
export function renderAdoptions(reports: AdoptionReports, format: Format, done: boolean): string {
  switch (format) {
    case 'table':
      return adoptionText(reports, done);
    case 'json':
      return `${JSON.stringify(reports, null, 2)}\n`;
    case 'yaml':
      return toYaml(JSON.parse(JSON.stringify(reports)));
    case 'markdown':
      return adoptionMarkdown(reports, done);
    default:
      return format satisfies never;
  }
}

function adoptionText({ promotions, problems }: AdoptionReports, done: boolean): string {
  const shown = done
    ? promotions.filter(({ obstacle }) => obstacle !== undefined)
    : promotions.filter(({ state }) => state !== 'Unchanged');
  return [
    ...shown.map(promotionText),
    problemLines(problems),
    `${paint('bold', done ? 'Adopted:' : 'To adopt:')} ${summaryText({ promotions, problems }, done)}\n`,
  ].join('');
}

function promotionText({ promotion, model, state, targets, tags, obstacle }: AdoptionReport): string {
  const title = `${paint('bold', promotion)}  model ${model}\n`;
  if (state === 'Suspended') return `${title}  suspended: left alone\n`;
  if (obstacle !== undefined) return `${title}  ${paint('red', '!')} ${obstacle.message}\n`;
  const held = targets.map(
    ({ target, version }) => `  ${describeTarget(target).padEnd(12)} ${version ?? '-'}\n`,
  );
  const set = tags.map(
    ({ version, key }) =>
      `    ${paint('green', '+')} tag ${version === undefined ? 'the model' : `version ${version}`} with ${key}\n`,
  );
  return `${title}${held.join('')}${set.join('')}`;
}

function summaryText({ promotions, problems }: AdoptionReports, done: boolean): string {
  const count = (...states: AdoptionReport['state'][]): number =>
    promotions.filter(({ state }) => states.includes(state)).length;
  const tags = promotions.reduce((sum, promotion) => sum + promotion.tags.length, 0);
  const parts = [
    `${plural(count(done ? 'Adopted' : 'Adoptable'), 'promotion')} with ${plural(tags, 'tag')}`,
    ...(count('Unchanged') > 0 ? [`${count('Unchanged')} adopted already`] : []),
    ...(count('Suspended') > 0 ? [`${count('Suspended')} suspended`] : []),
    ...(count('Refused') > 0 ? [`${count('Refused')} refused`] : []),
    ...(count('Failed') > 0 ? [`${count('Failed')} failed`] : []),
    ...(problems.length > 0 ? [`${plural(problems.length, 'mistake')} in manifests`] : []),
  ];
  return `${parts.join(', ')}.`;
}

function adoptionMarkdown({ promotions, problems }: AdoptionReports, done: boolean): string {
  const rows = promotions.map(({ promotion, model, state, targets, obstacle }) => [
    promotion,
    model,
    targets.map(({ target, version }) => `${describeTarget(target)}=${version ?? '-'}`).join(', '),
    state,
    obstacle?.message ?? '',
  ]);
  return [
    `### ${done ? 'Adopted' : 'To adopt'}: ${summaryText({ promotions, problems }, done)}\n\n`,
    rows.length === 0 ? '' : markdownTable(['Promotion', 'Model', 'Targets', 'State', 'What is open'], rows),
    ...problems.map((problem) => `- ${markdownText(problemLine(problem))}\n`),
  ].join('');
}
