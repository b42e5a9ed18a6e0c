import { start } from '../lib/page';
import Admin from './Admin.svelte';

void start(Admin);
