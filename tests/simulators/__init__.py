"""Calendar servers of vendors that cannot run here, made after their documentation, with faults on demand."""
