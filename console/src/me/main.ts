import { start } from '../lib/page';
import Me from './Me.svelte';

void start(Me);
