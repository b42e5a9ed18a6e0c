// Lengths of time to the minute, for what is chosen to the minute.
import { t } from '../lib/words.svelte';

/** "35 min", "1 h", "1 h 5 min", "20 h". */
export function lasting(minutes: number): string {
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  if (hours === 0) return t('time.minutes', { count: rest });
  const whole = t('time.hours', { count: hours });
  return rest === 0 ? whole : `${whole} ${t('time.minutes', { count: rest })}`;
}
