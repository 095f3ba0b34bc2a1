"""The front page: findings, the figure that carries them, the chain that is audited, its end."""
