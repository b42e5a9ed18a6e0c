import { start } from '../lib/page';
import Me from './Me.svelte';
import { startWorker } from './worker';

void start(Me).then(startWorker);
