import { start } from '../lib/page';
import Console from './Console.svelte';

void start(Console);
